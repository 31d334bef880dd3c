"""Records as tables, in Markdown that reads well in a terminal too."""

from collections.abc import Iterable, Iterator
from typing import Any

from sightline import tasks
from sightline.benchmark import regression
from sightline.benchmark.records import Figure, Record
from sightline.benchmark.scenarios import COMPILED, EAGER, FP32, INT8, OFFLINE, OPENVINO

ABSENT = "-"
_LABELS = {
    **{FP32: "fp32", INT8: "int8", EAGER: "torch eager"},
    **{OPENVINO: "OpenVINO", COMPILED: "torch.compile"},
}

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


def calls(records: Iterable[Record], scenario: str) -> str:
    """Return a row for each model, contender and thread count: what a call takes in SINGLE or
    MULTI, its median beside that of torch eager with as many threads.
    """
    rows: list[Row] = [
        ("model", "contender", "threads", "p50 ms", "p90 ms", "p99 ms", "calls", "/ torch")
    ]
    for record in records:
        for figure in record["figures"]:
            if figure["scenario"] == scenario:
                rows.append((*_contender(record, figure), *_latency(record, figure)))
    return table(rows, words=2)


def throughput(records: Iterable[Record]) -> str:
    """Return a row for each model, contender and thread count: the largest batch beside torch
    eager, and the best throughput with the batch that has it.
    """
    rows: list[Row] = [
        ("model", "contender", "threads", "largest: / torch", "best images/s", "at batch")
    ]
    for record in records:
        groups: dict[tuple, list[Figure]] = {}
        for figure in record["figures"]:
            if figure["scenario"] == OFFLINE:
                groups.setdefault((figure["contender"], figure["threads"]), []).append(figure)
        for figures in groups.values():
            largest = max(figures, key=lambda figure: figure["batch"])
            best = max(figures, key=lambda figure: figure["images_per_second"])
            rows.append(
                (
                    *_contender(record, best),
                    _against_torch(record, largest),
                    f"{best['images_per_second']:,.0f}",
                    best["batch"],
                )
            )
    return table(rows, words=2)


def _contender(record: Record, figure: Figure) -> Row:
    rejected = figure["contender"] == INT8 and not record["variants"][INT8]["accepted"]
    label = _LABELS[figure["contender"]] + " (rejected)" * rejected
    return record["model"]["name"], label, figure["threads"]


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
    """Return a row for each model, contender, and images x threads of a stream: the ends of its
    calls, and MLPerf's estimates of p90 and p99. p99.9 is in the record alone.
    """
    rows: list[Row] = [
        ("model", "contender", "at", "min ms", "p95", "p90 MLPerf", "p99 MLPerf", "max")
    ]
    keys = ("min", "p95", "p90_early_stopping", "p99_early_stopping", "max")
    for record in records:
        for figure in record["figures"]:
            if figure["scenario"] == OFFLINE:
                continue
            # records of earlier versions know no more than p50, p90 and p99
            values = (figure.get(f"{key}_ms") for key in keys)
            where = f"{figure['batch']} x {figure['threads']}"
            rows.append(
                (
                    *(record["model"]["name"], _LABELS[figure["contender"]], where),
                    *(None if value is None else f"{value:.3f}" for value in values),
                )
            )
    return table(rows, words=2)


def costs(records: Iterable[Record]) -> str:
    """Return a row for each model and variant: cold start, memory, size."""
    rows: list[Row] = [
        (
            *("model", "variant", "import s", "open s", "first answer ms", "peak MB, 1 image"),
            *("largest batch", "kB"),
        )
    ]
    for record, name, variant in _variants(records):
        cold = variant["cold_start"]
        rows.append(
            (
                *(record["model"]["name"], name),
                *(f"{cold['import_seconds']:.2f}", f"{cold['open_seconds']:.3f}"),
                f"{1000 * cold['first_answer_seconds']:.1f}",
                *(f"{cold[peak] / 1e6:,.0f}" for peak in ("peak_bytes_first", "peak_bytes")),
                f"{variant['bytes'] / 1000:,.0f}",
            )
        )
    return table(rows, words=2)


def agreement(records: Iterable[Record]) -> str:
    """Return a row for each model and variant: agreement with torch, and its figure."""
    rows: list[Row] = [
        (
            *("model", "variant", "same top-1 as torch", "largest difference"),
            *("figure", "val", "test"),
        )
    ]
    for record, name, variant in _variants(records):
        key, torch = tasks.words(record["model"]["task"]).figure, variant["against_torch"]
        rows.append(
            (
                *(record["model"]["name"], name),
                *(torch.get("same_choice"), f"{torch['max_difference']:.1e}", key),
                *(_four_digits(variant.get(f"{split}_{key}")) for split in ("val", "test")),
            )
        )
    return table(rows, words=2)


def _variants(records: Iterable[Record]) -> Iterator[tuple[Record, str, dict[str, Any]]]:
    """Yield each variant that was measured: its record, its name, and itself."""
    for record in records:
        for name, variant in record["variants"].items():
            if "cold_start" in variant:
                yield record, name, variant


def _four_digits(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def profile(nodes: Iterable[tuple[str, str, float, float]]) -> str:
    """Return a row for each node of a profile (`sightline.benchmark.profile`)."""
    rows: list[Row] = [("node", "operator", "ms", "share")]
    rows += [(name, kind, f"{value:.4f}", f"{share:.0%}") for name, kind, value, share in nodes]
    return table(rows, words=2)


def levels(records: Iterable[Record]) -> str:
    """Return a row for each model and batch: what each level of optimisation makes of a call."""
    records = list(records)
    names = list(dict.fromkeys(row["level"] for record in records for row in record["levels"]))
    rows: list[Row] = [("model", "images", *(f"{name}, ms" for name in names))]
    for record in records:
        medians: dict[int, dict[str, float]] = {}
        for row in record["levels"]:
            medians.setdefault(row["batch"], {})[row["level"]] = row["p50_ms"]
        for batch, by_level in medians.items():
            rows.append((record["model"]["name"], batch, *(f"{by_level[n]:.3f}" for n in names)))
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
        if (joules := record.get("joules")) is not None:
            lines.append(f"{name}: its figures took {joules:,.0f} joules, others' work included")
        lines.append(
            f"{name}: measuring adds {record['overhead_microseconds']:.1f} microseconds a call "
            "to a bare session.run"
        )
    return lines
