"""Records as tables, in Markdown that reads well in a terminal too."""

from collections.abc import Iterable

from sightline import tasks
from sightline.benchmark import regression
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
    """Return a row for each model, contender and thread count: latency, throughput, all beside
    torch eager of the same thread count.
    """
    rows = [
        (
            *("model", "contender", "threads", "1: p50 ms", "p90", "p99", "calls", "/ torch"),
            *("8: p50 ms", "p90", "p99", "calls", "/ torch"),
            *("largest: / torch", "best images/s", "at batch"),
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
    offline = [f for f in mine if f["scenario"] == OFFLINE]
    largest = max(offline, key=lambda figure: figure["batch"])
    best = max(offline, key=lambda figure: figure["images_per_second"])
    rejected = contender == "int8" and not record["variants"]["int8"]["accepted"]
    return (
        *(record["model"]["name"], _LABELS[contender] + " (rejected)" * rejected, threads),
        *_latency(record, streams[SINGLE]),
        *_latency(record, streams[MULTI]),
        *(_against_torch(record, largest), f"{best['images_per_second']:,.0f}", best["batch"]),
    )


def _latency(record: dict, figure: dict) -> tuple:
    shown = [figure[f"p{share}_ms"] for share in (50, 90, 99)]
    milliseconds = (value and f"{value:.3f}" for value in shown)
    return *milliseconds, figure["calls"], _against_torch(record, figure)


def against_torch(record: dict, figure: dict) -> float:
    """Return a figure's median over that of torch eager, measured in turns with it."""
    same = ("scenario", "batch", "threads")
    torch = next(
        other
        for other in record["figures"]
        if other["contender"] == "torch" and all(other[key] == figure[key] for key in same)
    )
    return figure["p50_ms"] / torch["p50_ms"]


def _against_torch(record: dict, figure: dict) -> str | None:
    if figure["contender"] == "torch":
        return None
    return f"{against_torch(record, figure):.2f}"


def costs(records: Iterable[dict]) -> str:
    """Return a row for each model and variant: cold start, memory, size, agreement with torch."""
    rows = [
        (
            *("model", "variant", "import s", "open s", "first answer ms", "peak MB, 1 image"),
            *("peak MB, largest batch", "kB", "same top-1 as torch", "largest difference"),
            *("figure", "val", "test"),
        )
    ]
    for record in records:
        figure = tasks.words(record["model"]["task"]).figure
        for variant, known in record["variants"].items():
            if "cold_start" not in known:
                continue
            cold, torch = known["cold_start"], known["against_torch"]
            rows.append(
                (
                    *(record["model"]["name"], variant),
                    *(f"{cold['import_seconds']:.2f}", f"{cold['open_seconds']:.3f}"),
                    f"{1000 * cold['first_answer_seconds']:.1f}",
                    *(f"{cold[key] / 1e6:,.0f}" for key in ("peak_bytes_first", "peak_bytes")),
                    f"{known['bytes'] / 1000:,.0f}",
                    *(torch.get("same_top1"), f"{torch['max_difference']:.1e}"),
                    figure,
                    *(_figure(known.get(f"{split}_{figure}")) for split in ("val", "test")),
                )
            )
    return table(rows, words=2)


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def levels(records: Iterable[dict]) -> str:
    """Return a row for each model: what each level of graph optimisation makes of a call."""
    records = list(records)
    columns = list(dict.fromkeys((r["batch"], r["level"]) for x in records for r in x["levels"]))
    rows = [("model", *(f"{batch}: {level}, ms" for batch, level in columns))]
    for record in records:
        medians = {(row["batch"], row["level"]): row["p50_ms"] for row in record["levels"]}
        rows.append((record["model"]["name"], *(f"{medians[column]:.3f}" for column in columns)))
    return table(rows, words=1)


def notes(records: Iterable[dict]) -> list[str]:
    """Return what must be said beside the figures: regressions, busy machines, int8 verdicts."""
    lines = []
    for record in records:
        name, int8 = record["model"]["name"], record["variants"]["int8"]
        if line := regression.sentence(record):
            lines.append(f"**regression**: {line}")
        if record["environment"]["busy"]:
            load = record["environment"]["load"]
            lines.append(
                f"**warning**: the machine was busy: others used {load['others_before']:.0%} of it "
                f"before {name} was measured, {load['others_during']:.0%} meanwhile"
            )
        verdict = f"none: {int8['why_not']}"
        if int8["accepted"]:
            verdict = f"benchmarks/int8/{name}.onnx ({int8['method']})"
        lines.append(f"{name}: int8 variant: {verdict}")
        lines.append(
            f"{name}: measuring adds {record['overhead_microseconds']:.1f} microseconds a call "
            "to a bare session.run"
        )
    return lines
