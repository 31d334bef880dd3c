"""Train models over several seeds on the workspace's data; print each figure and their mean.

    dvc repro preprocess@mnist
    python scripts/seeds.py mnist-cnn mnist-lstm --seeds 0 1 2
    python scripts/seeds.py mnist-cnn --recipe record-mnist --seeds 0 1 2 3 4 --threads 1

The recipe is the one that params.yaml names for the model, unless --recipe names another. Nothing
in the workspace changes: models and results go to a temporary folder. One seed says little:
accuracies of the same recipe differ by its seeds as much as those of similar recipes do.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from typing import Any

from sightline import tasks
from sightline.errors import SightlineError
from sightline.evaluation.evaluate import evaluate
from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.settings import params
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Recipe
from sightline.training.loop import train


def main() -> None:
    """Run the command line."""
    args = arguments(__doc__).parse_args()
    for name in args.models:
        settings, model, recipe, compute = chosen(name, args)
        key = tasks.words(model.task).figure
        runs = []
        for seed in args.seeds:
            runs.append(measure(name, replace(model, seed=seed), recipe, compute, settings))
            print(f"{name} seed {seed}: {in_words(runs[-1], key)}", flush=True)
        print(
            f"{name}: {runs[0]['catalogue']} data, recipe {model.recipe}, "
            f"{runs[0]['parameters']:,} parameters: {summary(runs, key)} over seeds {args.seeds}, "
            f"{compute.threads} threads of {runs[0]['processor']}",
            flush=True,
        )


def arguments(description: str) -> argparse.ArgumentParser:
    """Return the options of every script that trains."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("models", nargs="+", help="models in params.yaml")
    parser.add_argument("--recipe", help="instead of the one that params.yaml names")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, help="instead of compute.threads")
    return parser


def chosen(name: str, args: argparse.Namespace) -> tuple[params.Params, Model, Recipe, Compute]:
    """Return the workspace's params, and the model, recipe and place that the options ask for."""
    settings = params.load(Layout())
    model, recipe = settings.model(name)
    if args.recipe:
        recipe = settings.recipe(args.recipe)
        model = replace(model, recipe=args.recipe)
    compute = settings.compute
    if args.threads:
        compute = replace(compute, threads=args.threads)
    return settings, model, recipe, compute


def measure(
    name: str, model: Model, recipe: Recipe, compute: Compute, settings: params.Params
) -> dict[str, Any]:
    """Train and test one model on the workspace's data, in a folder that is gone afterwards.

    Returns figures.json, and of the training its processor, seconds and CPU-seconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        layout, data = Layout(folder), Layout().processed(model.dataset).path
        link = layout.processed(model.dataset).path
        link.parent.mkdir(parents=True)
        link.symlink_to(data.absolute())
        begun = time.process_time()
        train(name, model, recipe, compute, layout)
        cpu_seconds = time.process_time() - begun
        evaluate(name, layout, settings.evaluation.test_time_views)
        results = ModelResults(name, layout)
        assert results.timing is not None  # it was trained here
        timing = {key: results.timing[key] for key in ("seconds", "processor")}
        return results.metrics | timing | {"cpu_seconds": cpu_seconds}


def in_words(run: dict[str, Any], key: str) -> str:
    """Return a training's figures in words."""
    figures = {split: run[split] for split in ("test", "val") if split in run}
    figures |= {f"{s} over views": run["test_time"][s] for s in figures if "test_time" in run}
    words = [f"{split} {key} {values[key]:.4g}" for split, values in figures.items()]
    return ", ".join([*words, f"{run['seconds']:.0f} s, {run['cpu_seconds']:.0f} CPU-s"])


def summary(runs: list[dict[str, Any]], key: str) -> str:
    """Return mean and standard deviation of the test figure, and what a run costs."""
    figures = [run["test"][key] for run in runs]
    spread = f" ± {statistics.stdev(figures):.2g}" if len(figures) > 1 else ""
    seconds, cpu = (statistics.median(r[k] for r in runs) for k in ("seconds", "cpu_seconds"))
    return f"test {key} {statistics.mean(figures):.4g}{spread}, {seconds:.0f} s, {cpu:.0f} CPU-s"


if __name__ == "__main__":
    try:
        main()
    except SightlineError as error:
        sys.exit(f"seeds: {error}")
