"""Records as a text that a person reads, and as pictures beside them."""

from pathlib import Path

from sightline.benchmark import pictures, tables
from sightline.benchmark.records import Record
from sightline.benchmark.scenarios import MULTI, SINGLE
from sightline.layout import Layout


def text(records: list[Record]) -> str:
    """Return all tables and notes, in Markdown that reads well in a terminal too."""
    environment = records[0]["environment"]
    machine = environment["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB "
        f"(machine {machine['id']}); {environment['provider']}; {versions}",
        *_not_real(records),
        "\n".join(f"- {note}" for note in tables.notes(records)),
        "## Speed",
        "fp32 and int8 run in onnxruntime. `/ torch` is the median over that of torch eager in the "
        "same run.",
        "One image in a call (single-stream):",
        tables.calls(records, SINGLE),
        "Eight images in a call (multi-stream):",
        tables.calls(records, MULTI),
        "Throughput: the largest batch beside torch, and the best images/s (offline):",
        tables.throughput(records),
        "## From the quickest call to the slowest",
        "`at` is images x threads, `MLPerf` the early-stopping estimate: the latency that the "
        "percentile exceeds with a chance of 1 % at most.",
        tables.tails(records),
        "## Cold start and memory",
        "Each cold start is a fresh process with one thread.",
        tables.costs(records),
        "## Answers",
        tables.agreement(records),
        "## Levels of graph optimisation",
        "Medians of a call with one and with eight images, one thread, fp32.",
        tables.levels(records),
    ]
    return "\n\n".join(parts)


def write_pictures(records: list[Record], layout: Layout) -> list[Path]:
    """Write the pictures of these records into benchmarks/pictures and return their paths."""
    return pictures.write(records, layout.benchmarks.pictures)


def _not_real(records: list[Record]) -> list[str]:
    catalogues = {r["model"]["catalogue"] for r in records if not r["model"]["real"]}
    return [
        f"The data of the catalogue '{name}' is NOT real: of its models the speed counts, the "
        "accuracy does not."
        for name in sorted(catalogues)
    ]
