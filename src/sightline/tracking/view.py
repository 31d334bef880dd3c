"""How MLflow shows the runs of an experiment: its page opens on what people compare.

MLflow keeps the state of a page that somebody shares as a tag of the experiment, in JSON, and opens
it where an address names that tag. Here it is written once, and the experiment's note links to it.
A release of MLflow that reads another form shows its own default instead.
"""

import json
from urllib.parse import quote

from sightline.tracking.locked_results import LockedResults

KEY = "sightline"
TAG = f"mlflow.sharedViewState.{KEY}"

_OURS = "workflowType=machine_learning"  # else MLflow shows its pages for language models
_PARAMS = ("network", "recipe", "epochs")
_OVERVIEW, _REST = "Settings and figures", ("epoch", "val", "test", "Model metrics")


def page(experiment_id: str, mode: str) -> str:
    """Return the link to an experiment's page in this state; `mode` is TABLE or CHART."""
    return (
        f"#/experiments/{experiment_id}/runs?{_OURS}&viewStateShareKey={KEY}&compareRunsMode={mode}"
    )


def registered_model(title: str) -> str:
    """Return the link to a registered model's page, which shows its versions and their aliases."""
    return "/".join(["#", "models", f"{quote(title, safe='')}?{_OURS}"])


def state(model: LockedResults) -> str:
    """Return the value of the tag: columns, their order, charts and the order of their sections."""
    figure = model.words.figure
    metrics = [f"{split}/{figure}" for split in ("val", "test")]
    columns = [f"metrics.`{key}`" for key in metrics]
    columns += [f"params.`{key}`" for key in _PARAMS]
    parallel = {
        "uuid": "sightline-parallel",
        "type": "PARALLEL",
        "runsCountToCompare": 10,
        "metricSectionId": _uuid(_OVERVIEW),
        "deleted": False,
        "isGenerated": False,
        "selectedParams": list(_PARAMS),
        "selectedMetrics": ["parameters", "seconds", *metrics],
        "showAllRuns": False,
    }
    sections = [
        {
            "uuid": _uuid(name),
            "name": name,
            "display": True,
            "isReordered": False,
            "deleted": False,
            "isGenerated": name != _OVERVIEW,
            "columns": 1 if name == _OVERVIEW else 3,  # of charts
        }
        for name in (_OVERVIEW, *_REST)
    ]
    return json.dumps(
        {
            "orderByKey": f"metrics.`{metrics[0]}`",
            "orderByAsc": not model.words.higher_is_better,
            "selectedColumns": columns,
            "compareRunCharts": [parallel],
            "compareRunSections": sections,
            "isAccordionReordered": True,
        }
    )


def _uuid(section: str) -> str:
    return f"sightline-{section.lower().replace(' ', '-')}"
