"""Train models over several seeds on the workspace's data; print each test figure and their mean.

    dvc repro preprocess@mnist
    python benchmarks/seeds.py mnist-cnn mnist-lstm --seeds 0 1 2

The recipe is the one that params.yaml names. Nothing in the workspace changes: models and reports
go to a temporary folder. One seed says little: accuracies of the same recipe differ by its seeds
as much as those of similar recipes do.
"""

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from sightline import params
from sightline.evaluation import evaluate
from sightline.layout import Layout
from sightline.training.loop import train


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", help="models in params.yaml")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, help="instead of compute.threads")
    args = parser.parse_args()
    workspace = Layout(Path.cwd())
    settings = params.load(workspace)
    compute = settings.compute
    if args.threads:
        compute = replace(compute, threads=args.threads)
    for name in args.models:
        model, recipe = settings.model(name)
        results = []
        for seed in args.seeds:
            with tempfile.TemporaryDirectory() as folder:
                layout = Layout(folder)
                layout.processed(model.dataset).parent.mkdir(parents=True)
                layout.processed(model.dataset).symlink_to(workspace.processed(model.dataset))
                seeded = replace(model, seed=seed)
                train(name, seeded, recipe, compute, layout, layout.root / "checkpoints")
                evaluate(name, layout)
                metrics = json.loads((layout.report(name) / "metrics.json").read_text())
                timing = json.loads((layout.report(name) / "timing.json").read_text())
            results.append((metrics["test"]["top1"], timing["seconds"]))
            print(
                f"{name} seed {seed}: test top1 {100 * results[-1][0]:.2f} %, "
                f"val {100 * metrics['val']['top1']:.2f} %, {timing['seconds']:.0f} s",
                flush=True,
            )
        figures = [100 * top1 for top1, _ in results]
        spread = statistics.stdev(figures) if len(figures) > 1 else 0.0
        seconds = statistics.median(seconds for _, seconds in results)
        print(
            f"{name}: {metrics['catalogue']} data, recipe {model.recipe}, "
            f"{metrics['parameters']:,} parameters: test top1 {statistics.mean(figures):.2f} % "
            f"± {spread:.2f} over seeds {args.seeds}, {seconds:.0f} s each, "
            f"{compute.threads} threads of {timing['processor']}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
