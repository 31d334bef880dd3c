"""What each technique of a recipe buys: train with all of them, and with one changed at a time.

    dvc repro preprocess@mnist
    python scripts/ablation.py mnist-cnn --recipe record-mnist --seeds 0 1 2 --threads 1

The changes stand in scripts/ablations.yaml; --only picks some by their labels, --epochs shortens
all runs alike. Prints a Markdown table of val and test, means over the seeds, each with the
difference that the change makes; what to do is read off val, test only confirms.
"""

import statistics
import sys
from dataclasses import asdict, replace
from pathlib import Path

import yaml
from pydantic import TypeAdapter
from seeds import arguments, chosen, in_words, measure

from sightline import networks, tasks
from sightline.errors import SightlineError
from sightline.settings.explain import nearest
from sightline.settings.recipe import Recipe

CHANGES = Path(__file__).parent / "ablations.yaml"


def main() -> None:
    """Run the command line."""
    parser = arguments(__doc__)
    parser.add_argument("--only", nargs="+", metavar="LABEL", help="changes of ablations.yaml")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    args = parser.parse_args()
    for name in args.models:
        settings, model, recipe, compute = chosen(name, args)
        if args.epochs:
            recipe = replace(recipe, epochs=args.epochs)
        key = tasks.words(model.task).figure
        rows = []
        for label, variant in variants(model.network, recipe, args.only).items():
            runs = []
            for seed in args.seeds:
                runs.append(measure(name, replace(model, seed=seed), variant, compute, settings))
                print(
                    f"{label}, seed {seed}: {in_words(runs[-1], key)}", file=sys.stderr, flush=True
                )
            rows.append((label, runs))
        print(
            f"\n{name}, {runs[0]['catalogue']} data, recipe {model.recipe}, {recipe.epochs} "
            f"epochs, seeds {args.seeds}, {compute.threads} threads of {runs[0]['processor']}\n"
        )
        print(table(rows, key), flush=True)


def variants(network: str, recipe: Recipe, only: list[str] | None) -> dict[str, Recipe]:
    """Return the recipe as it is and, by their labels, with each change that changes it.

    Raises SightlineError where ablations.yaml does not have a label that is asked for.
    """
    changes = yaml.safe_load(CHANGES.read_text(encoding="utf-8"))
    for label in only or ():
        if label not in changes:
            raise SightlineError(f"{CHANGES}: no '{label}': {nearest(label, changes)}")
    settings = networks.module(network).Settings
    adapter, kept = TypeAdapter(Recipe), {"as it is": recipe}
    for label in only or changes:
        changed = adapter.validate_python(merged(asdict(recipe), changes[label]))
        same_network = settings(**changed.network) == settings(**recipe.network)
        if not same_network or replace(changed, network=recipe.network) != recipe:
            kept[label] = changed
    return kept


def merged(base: dict, change: dict) -> dict:
    """Return `base` with `change` laid over it, section by section; null takes a key out."""
    result = dict(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def table(rows: list[tuple[str, list[dict]]], key: str) -> str:
    """Return the Markdown table."""
    splits = [split for split in ("val", "test") if split in rows[0][1][0]]
    head = ["change", *(f"{s} {key}, difference" for s in splits), "CPU-s", "parameters"]
    lines = [f"| {' | '.join(head)} |", "| --- " + "| ---: " * (len(head) - 1) + "|"]
    unchanged = {s: statistics.mean(run[s][key] for run in rows[0][1]) for s in splits}
    for label, runs in rows:
        cells = [label]
        for split in splits:
            figures = [run[split][key] for run in runs]
            mean = statistics.mean(figures)
            spread = f" ± {statistics.stdev(figures):.4f}" if len(runs) > 1 else ""
            cells.append(f"{mean:.4f}{spread}, {mean - unchanged[split]:+.4f}")
        cells.append(f"{statistics.median(run['cpu_seconds'] for run in runs):.0f}")
        lines.append(f"| {' | '.join([*cells, format(runs[0]['parameters'], ',')])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except SightlineError as error:
        sys.exit(f"ablation: {error}")
