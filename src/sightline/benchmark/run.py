"""What `sightline benchmark` does: measure what has no record yet, print it, keep it in MLflow."""

import logging
from collections.abc import Iterable
from dataclasses import asdict

from sightline.benchmark import environment, records, regression, summary, tables
from sightline.benchmark.records import Record
from sightline.benchmark.scenarios import Timing
from sightline.errors import SightlineError
from sightline.host import locks
from sightline.layout import Layout
from sightline.settings import params
from sightline.settings.params import Params

logger = logging.getLogger(__name__)

NOTHING = "no model is exported yet: run `dvc repro export` first"


def benchmark(names: list[str], layout: Layout, force: bool = False) -> None:
    """Measure the models of `due`, print the named ones, or all, and write them to MLflow.

    Raises SightlineError where nothing is exported, where MLflow does not take a record (the next
    call completes it), and, when all else is done, where a model became slower.
    """
    from sightline.benchmark import tracked

    settings = params.load(layout)
    keys = due(names, layout, settings, force)
    if keys:
        logger.info("to measure: %s", ", ".join(keys))
    for name, key in keys.items():
        measure(name, layout, settings, key)
    shown = newest(names or list(settings.models), layout)
    if not shown:
        raise SightlineError(NOTHING)
    pictures = summary.write_pictures(shown, layout)
    print(summary.text(shown))
    logger.info("writing into MLflow what it lacks")
    tracked.complete(shown, layout)
    print("\n".join(["", *(path.resolve().as_uri() for path in pictures)]))
    if slower := slower_now(shown, keys):
        raise SightlineError("\n".join(slower))


def profile(names: list[str], layout: Layout) -> None:
    """Print the dearest nodes of the named models, or of all that are exported, for one image.

    Nothing is recorded. Raises SightlineError where nothing is exported.
    """
    from sightline.benchmark import profile as profiling
    from sightline.benchmark import provider
    from sightline.benchmark.subject import Subject

    settings = params.load(layout)
    chosen = due(names, layout, settings, force=True)
    if not chosen:
        raise SightlineError(NOTHING)
    for name in chosen:
        where = provider.choose(settings.benchmark.provider)
        subject = Subject(name, layout, settings.benchmark, where)
        nodes = profiling.dearest(subject.file, where, subject.batch(1))
        print(f"## {name}\n\n{tables.profile(nodes)}\n")


def due(
    names: Iterable[str], layout: Layout, settings: Params, force: bool = False
) -> dict[str, dict[str, str]]:
    """Return the models to measure, each with what its record will answer for.

    Those that are named; without a name, those that are exported and whose file, machine, versions
    or settings have no record yet (with `force`, all that are exported).
    """
    named = list(names)
    for name in named:
        settings.model(name)
    hardware, versions = environment.machine(), environment.versions()
    keys = {}
    for name in named or settings.models:
        if not named and not layout.model(name).onnx.is_file():
            logger.info("%s is not exported yet: left out", name)
            continue
        key = records.key(layout, name, hardware, versions, asdict(settings.benchmark))
        if named or force or not records.current(layout, name, key):
            keys[name] = key
    return keys


def measure(name: str, layout: Layout, settings: Params, key: dict[str, str]) -> Record:
    """Measure one model, compare it with its last record on this machine, write and return it."""
    from sightline.benchmark import measure as measuring

    with locks.processors(True, settings.flows.lock_wait, logger.info):
        logger.info("%s: measuring", name)
        earlier = _earlier(name, layout, key["machine"])
        record, timings = measuring.measure(name, layout, settings.benchmark)
    record = {"format": records.FORMAT, "key": key, **record, "regression": None}
    # Before the comparison: whatever is wrong with the earlier record costs no measurement.
    path = records.write(layout, record, timings)
    if earlier:
        rule = settings.benchmark.regression
        record["regression"] = regression.compare(record, timings, *earlier, rule)
        path = records.write(layout, record, timings)
    logger.info("%s: %s", name, path)
    return record | {"path": str(path)}


def _earlier(name: str, layout: Layout, machine_id: str) -> tuple[Record, dict[str, Timing]] | None:
    """Return the last record on this machine and its raw values; None where these are lost."""
    record = records.last_comparable(layout, name, machine_id)
    if record is None:
        return None
    try:
        return record, records.raw(layout, record)
    except SightlineError as error:
        logger.warning("%s: not compared with its last record: %s", name, error)
        return None


def newest(names: Iterable[str], layout: Layout) -> list[Record]:
    """Return the newest record on this machine of each of these models that has one."""
    here = environment.machine()["id"]
    candidates = (records.last_comparable(layout, name, here) for name in names)
    return [record for record in candidates if record]


def slower_now(shown: Iterable[Record], measured: Iterable[str]) -> list[str]:
    """Return a line for each model, of those just measured, that is surely slower than before."""
    names = set(measured)
    return [
        sentence
        for record in shown
        if record["model"]["name"] in names
        and record["regression"]
        and record["regression"]["verdict"] == regression.SLOWER
        and (sentence := regression.sentence(record))
    ]
