"""How fast a model is: in every scenario beside torch, at each level of graph optimisation, and
what measuring adds to a call.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sightline.benchmark import contenders, early_stopping, scenarios
from sightline.benchmark.contenders import Contender
from sightline.benchmark.records import Figure
from sightline.benchmark.scenarios import (
    EAGER,
    MULTI,
    OFFLINE,
    OPENVINO,
    SINGLE,
    STREAM_BATCH,
    Timing,
)
from sightline.benchmark.subject import Subject

SHARES = (50, 90, 95, 99, 99.9)  # percentiles of the record
ESTIMATED = (90, 99)  # those that MLPerf names a scenario by


def measure(subject: Subject, variants: dict[str, Path]) -> tuple[list[Figure], dict[str, Timing]]:
    """Measure the files of these variants, torch eager and what `beside` names in all scenarios.

    Returns a figure for each contender, scenario, batch size and thread count, and the raw values
    behind each under its `raw_name`.
    """
    settings = subject.settings
    limits = [(SINGLE, STREAM_BATCH[SINGLE], settings.calls, settings.stream_seconds)]
    limits += [(MULTI, STREAM_BATCH[MULTI], settings.calls, settings.stream_seconds)]
    limits += [
        (OFFLINE, size, -(-settings.samples // size), settings.offline_seconds)
        for size in settings.batches
    ]
    figures, raw = [], {}
    for threads in subject.thread_counts():
        contenders.torch_threads(threads)
        models: dict[str, Contender] = {
            variant: contenders.exported(path, subject.provider, threads).run
            for variant, path in variants.items()
        }
        models[EAGER] = subject.eager
        models |= {name: _beside(subject, name, threads) for name in settings.beside}
        for scenario, size, calls, seconds in limits:
            timings = _in_turns(subject, models, size, calls, seconds)
            for contender, timing in timings.items():
                row = {
                    "contender": contender,
                    "scenario": scenario,
                    "batch": size,
                    "threads": threads,
                    **_figures(timing, size, calls),
                }
                figures.append(row)
                raw[raw_name(row)] = timing
    return figures, raw


def _beside(subject: Subject, name: str, threads: int) -> Contender:
    if name == OPENVINO:
        return contenders.openvino(subject.file, threads)
    return subject.compiled


def raw_name(figure: Figure) -> str:
    """Return the name of a figure's raw values: fp32/single-stream/batch 1/threads 1."""
    return "{contender}/{scenario}/batch {batch}/threads {threads}".format(**figure)


def levels(subject: Subject) -> list[Figure]:
    """Return the median call at each level of graph optimisation, one thread, fp32."""
    settings = subject.settings
    models: dict[str, Contender] = {
        level: contenders.exported(subject.file, subject.provider, 1, level).run
        for level in contenders.LEVELS
    }
    return [
        {
            "level": level,
            "batch": size,
            "calls": len(timing.milliseconds),
            "p50_ms": rounded(timing.median),
        }
        for size in STREAM_BATCH.values()
        for level, timing in _in_turns(
            subject, models, size, settings.calls, settings.level_seconds
        ).items()
    ]


def overhead(subject: Subject) -> float:
    """Return the microseconds that our session and our clock add to a bare session.run."""
    session, images = contenders.exported(subject.file, subject.provider, 1), subject.batch(1)
    names, feed, run = list(session.outputs), {"images": images}, session.raw.run
    added = scenarios.overhead(lambda: session.run(images), lambda: run(names, feed))
    return round(added, 2)


def rounded(value: float) -> float:
    """Round to four significant digits: no timing knows more."""
    return float(f"{value:.4g}")


def _in_turns(
    subject: Subject, models: dict[str, Contender], size: int, calls: int, seconds: float
) -> dict[str, Timing]:
    images, settings = subject.batch(size), subject.settings
    questions = {name: _question(model, images) for name, model in models.items()}
    return scenarios.interleave(questions, calls, seconds, settings.rounds, settings.warmup)


def _question(model: Contender, images: np.ndarray) -> Callable[[], object]:
    return lambda: model(images)


def _figures(timing: Timing, size: int, calls: int) -> Figure:
    done = len(timing.milliseconds)
    values = {f"p{share}": timing.percentile(share) for share in SHARES}
    values |= {
        f"p{share}_early_stopping": early_stopping.estimate(timing.milliseconds, share)
        for share in ESTIMATED
    }
    values |= {"min": float(timing.milliseconds.min()), "max": float(timing.milliseconds.max())}
    return {
        "calls": done,
        "samples": done * size,
        "seconds": round(float(timing.milliseconds.sum()) / 1000, 3),
        "ended_by": "samples" if done >= calls else "time",
        **{
            f"{name}_ms": None if value is None else rounded(value)
            for name, value in values.items()
        },
        "images_per_second": rounded(1000 * size / timing.median),
    }
