"""The flow `train`: one model, on demand, with all that it needs and up to its run in MLflow.

prefect deployment run train/now -p model=mnist-lstm --watch
"""

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.notify import post_failure
from flows.reproduce import Force, Overrides, bring_up_to_date

Model = Annotated[
    str,
    Field(
        title="model",
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        examples=["mnist-lstm"],
    ),
]


@flow(flow_run_name="{model}", on_failure=[post_failure], on_crashed=[post_failure])
def train(model: Model, overrides: Overrides = [], force: Force = False) -> State[Any]:  # noqa: B006
    """Bring one model up to date, from the download of its data to its run in MLflow.

    Args:
        model: A model under models: in params.yaml.
        overrides: Params to change in this run alone, as `dvc exp run -S` takes them, such as
            recipes.rows-6.epochs=8. Kept as an experiment named after the run.
        force: Run its stages even if DVC finds nothing changed.
    """
    return bring_up_to_date([f"log@{model}"], overrides, force)
