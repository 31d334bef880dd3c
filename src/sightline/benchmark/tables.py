"""Records as tables, in Markdown that reads well in a terminal too."""

from collections.abc import Iterable

from sightline import tasks
from sightline.benchmark import regression
from sightline.benchmark.records import Figure, Record
from sightline.benchmark.scenarios import EAGER, FP32, INT8, MULTI, OFFLINE, SINGLE

ABSENT = "-"
_LABELS = {FP32: "onnxruntime fp32", INT8: "onnxruntime int8", EAGER: "torch eager"}

Row = tuple[object, ...]  # of cells; None is shown as ABSENT


def table(rows: list[Row], words: int) -> str:
    """Return rows as a Markdown table. The first row is its head; the first `words` columns hold
    words, aligned left.
    """
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


def speed(records: Iterable[Record]) -> str:
    """Return a row for each model, contender and thread count: latency, throughput, all beside
    torch eager of the same thread count.
    """
    rows: list[Row] = [
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


def _speed_row(record: Record, contender: str, threads: int) -> Row:
    figures = [
        figure
        for figure in record["figures"]
        if (figure["contender"], figure["threads"]) == (contender, threads)
    ]
    streams = {figure["scenario"]: figure for figure in figures}
    offline = [figure for figure in figures if figure["scenario"] == OFFLINE]
    largest = max(offline, key=lambda figure: figure["batch"])
    best = max(offline, key=lambda figure: figure["images_per_second"])
    rejected = contender == INT8 and not record["variants"][INT8]["accepted"]
    return (
        *(record["model"]["name"], _LABELS[contender] + " (rejected)" * rejected, threads),
        *_latency(record, streams[SINGLE]),
        *_latency(record, streams[MULTI]),
        *(_against_torch(record, largest), f"{best['images_per_second']:,.0f}", best["batch"]),
    )


def _latency(record: Record, figure: Figure) -> Row:
    percentiles = [figure[f"p{share}_ms"] for share in (50, 90, 99)]
    milliseconds = (value and f"{value:.3f}" for value in percentiles)
    return *milliseconds, figure["calls"], _against_torch(record, figure)


def _against_torch(record: Record, figure: Figure) -> str | None:
    """Return a figure's median over that of torch eager, measured in turns with it."""
    if figure["contender"] == EAGER:
        return None
    same = ("scenario", "batch", "threads")
    torch = next(
        other
        for other in record["figures"]
        if other["contender"] == EAGER and all(other[key] == figure[key] for key in same)
    )
    return f"{figure['p50_ms'] / torch['p50_ms']:.2f}"


def tails(records: Iterable[Record]) -> str:
    """Return a row for each model, contender, stream and thread count: from the quickest call to
    the slowest, and beside p90 and p99 MLPerf's estimate of them.
    """
    rows: list[Row] = [
        (
            *("model", "contender", "images", "threads", "calls", "min ms", "p50", "p90"),
            *("p90 MLPerf", "p95", "p99", "p99 MLPerf", "p99.9", "max"),
        )
    ]
    keys = ("min", "p50", "p90", "p90_early_stopping", "p95", "p99", "p99_early_stopping")
    for record in records:
        for figure in record["figures"]:
            if figure["scenario"] == OFFLINE:
                continue
            # records of earlier versions know no more than p50, p90 and p99
            values = (figure.get(f"{key}_ms") for key in (*keys, "p99.9", "max"))
            rows.append(
                (
                    *(record["model"]["name"], _LABELS[figure["contender"]], figure["batch"]),
                    *(figure["threads"], figure["calls"]),
                    *(None if value is None else f"{value:.3f}" for value in values),
                )
            )
    return table(rows, words=2)


def costs(records: Iterable[Record]) -> str:
    """Return a row for each model and variant: cold start, memory, size, agreement with torch."""
    rows: list[Row] = [
        (
            *("model", "variant", "import s", "open s", "first answer ms", "peak MB, 1 image"),
            *("peak MB, largest batch", "kB", "same top-1 as torch", "largest difference"),
            *("figure", "val", "test"),
        )
    ]
    for record in records:
        key = tasks.words(record["model"]["task"]).figure
        for name, variant in record["variants"].items():
            if "cold_start" not in variant:
                continue
            cold, torch = variant["cold_start"], variant["against_torch"]
            rows.append(
                (
                    *(record["model"]["name"], name),
                    *(f"{cold['import_seconds']:.2f}", f"{cold['open_seconds']:.3f}"),
                    f"{1000 * cold['first_answer_seconds']:.1f}",
                    *(f"{cold[peak] / 1e6:,.0f}" for peak in ("peak_bytes_first", "peak_bytes")),
                    f"{variant['bytes'] / 1000:,.0f}",
                    *(torch.get("same_choice"), f"{torch['max_difference']:.1e}"),
                    key,
                    *(_four_digits(variant.get(f"{split}_{key}")) for split in ("val", "test")),
                )
            )
    return table(rows, words=2)


def _four_digits(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def levels(records: Iterable[Record]) -> str:
    """Return a row for each model: what each level of graph optimisation makes of a call."""
    records = list(records)
    columns = list(dict.fromkeys((r["batch"], r["level"]) for x in records for r in x["levels"]))
    rows: list[Row] = [("model", *(f"{batch}: {level}, ms" for batch, level in columns))]
    for record in records:
        medians = {(row["batch"], row["level"]): row["p50_ms"] for row in record["levels"]}
        rows.append((record["model"]["name"], *(f"{medians[column]:.3f}" for column in columns)))
    return table(rows, words=1)


def notes(records: Iterable[Record]) -> list[str]:
    """Return what must be said beside the figures: regressions, busy machines, int8 verdicts."""
    lines = []
    for record in records:
        name, int8 = record["model"]["name"], record["variants"][INT8]
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
