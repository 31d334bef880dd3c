"""`sightline compare --runs`: the runs that MLflow holds beside those of the workspace."""

from sightline.layout import Layout
from sightline.report.experiments import HEADER, WORDS, beside, changes
from sightline.report.tables import ABSENT, aligned, number
from sightline.tracking import finished, locked_results, store
from sightline.tracking.finished import Finished
from sightline.tracking.locked_results import LockedResults

HERE = "the workspace's own"
NO_RUNS = """\
MLflow holds no runs of these models but the workspace's own. `dvc exp run -S ...` adds some."""


def compare_runs(layout: Layout) -> None:
    """Print a table for each model of the workspace: the runs that MLflow holds of its experiment.

    A run stands below the model whose name it has; without any there is nothing to print.
    """
    models = locked_results.read_all(layout)
    held = finished.runs(store.find(layout), sorted({model.title for model in models.values()}))
    printed = [text for model in models.values() if (text := _runs_table(model, held[model.title]))]
    print("\n\n".join(printed) or NO_RUNS)


def _runs_table(model: LockedResults, runs: list[Finished]) -> str:
    """Return the table of the runs of one model; empty where MLflow holds none but the
    workspace's.
    """
    others = [run for run in runs if run.model == model.name]
    own = {key: str(value) for key, value in model.params().items()}
    if all(run.fingerprint == model.fingerprint for run in others):
        return ""
    figure, results = model.words.figure, model.results()
    rows = []
    for run in others:
        here = run.fingerprint == model.fingerprint
        values = []
        for key in (f"val/{figure}", f"test/{figure}"):
            values += beside(run.figures.get(key), None if here else results.get(key))
        changed = HERE if here else ", ".join(changes(own, run.params)) or ABSENT
        rows.append((changed, *values, number(run.figures.get("seconds"), ".1f")))
    heading = f"{model.name}, runs in {model.title}: {figure}, and its change against the workspace"
    return "\n".join([heading, *aligned([HEADER[1:], *rows], WORDS)])
