"""Records as tables, in Markdown that reads well in a terminal too."""

from collections.abc import Iterable

from sightline.benchmark.scenarios import MULTI, OFFLINE, SINGLE

ABSENT = "-"
_LABELS = {"fp32": "onnxruntime fp32", "int8": "onnxruntime int8", "torch": "torch eager"}


def table(rows: list[tuple], words: int) -> str:
    """Return rows as a Markdown table, the first row its head; so many first columns are words."""
    cells = [[ABSENT if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def line(row: list[str]) -> str:
        padded = (
            cell.ljust(width) if index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if i < words else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def speed(records: Iterable[dict]) -> str:
    """Return a row for each model, contender and thread count: latency, throughput, top-1."""
    rows = [
        (
            *("model", "contender", "threads", "1: p50 ms", "p90", "p99", "calls"),
            *("8: p50 ms", "p90", "p99", "calls", "best images/s", "at batch", "largest: / torch"),
            *("test top-1", "kB"),
        )
    ]
    for record in records:
        for contender, threads in dict.fromkeys(
            (figure["contender"], figure["threads"]) for figure in record["figures"]
        ):
            rows.append(_speed_row(record, contender, threads))
    return table(rows, words=2)


def _speed_row(record: dict, contender: str, threads: int) -> tuple:
    mine = [f for f in record["figures"] if (f["contender"], f["threads"]) == (contender, threads)]
    streams = {f["scenario"]: f for f in mine}
    best = max((f for f in mine if f["scenario"] == OFFLINE), key=lambda f: f["images_per_second"])
    variant = record["variants"].get(contender, {})
    top1, size = variant.get("test_top1"), variant.get("bytes")
    return (
        *(record["model"]["name"], _label(record, contender), threads),
        *_latency(streams[SINGLE]),
        *_latency(streams[MULTI]),
        *(f"{best['images_per_second']:,.0f}", best["batch"]),
        _against_torch(record, contender, threads),
        *(top1 and f"{top1:.4f}", size and f"{size / 1000:,.0f}"),
    )


def _label(record: dict, contender: str) -> str:
    rejected = contender == "int8" and not record["variants"]["int8"]["accepted"]
    return _LABELS[contender] + " (rejected)" * rejected


def _latency(figure: dict) -> tuple:
    shown = [figure[f"p{share}_ms"] for share in (50, 90, 99)]
    return *(value and f"{value:.3f}" for value in shown), figure["calls"]


def against_torch(record: dict, contender: str, threads: int, batch: int) -> float | None:
    """Return p50 over torch eager's at this batch size and thread count; None for torch itself."""
    found = {
        f["contender"]: f["p50_ms"]
        for f in record["figures"]
        if (f["threads"], f["batch"]) == (threads, batch)
    }
    return None if contender == "torch" else found[contender] / found["torch"]


def _against_torch(record: dict, contender: str, threads: int) -> str | None:
    batches = [1, max(figure["batch"] for figure in record["figures"])]
    ratios = [against_torch(record, contender, threads, batch) for batch in batches]
    return None if contender == "torch" else " and ".join(f"{ratio:.2f}" for ratio in ratios)
