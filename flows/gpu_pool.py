"""The gpu pool as a coordinator sees it: whether a worker serves it, and a stage run there."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State, WorkerStatus
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

POOL = "gpu"
DEPLOYMENT = f"stage/{POOL}"
POLL = 2.0  # seconds between two looks at a stage that runs elsewhere
_FENCE = "```json\n{}\n```"


def has_worker() -> bool:
    """Whether the gpu pool has a worker that would take a stage now."""
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(DEPLOYMENT)
            if client.read_work_pool(POOL).is_paused:
                return False
            workers = client.read_workers_for_work_pool(POOL)
        except ObjectNotFound:
            return False
    return any(worker.status == WorkerStatus.ONLINE for worker in workers)


def run_on_worker(parameters: dict[str, Any], closed: Callable[[], bool]) -> State[Any] | None:
    """Run `stage` on a worker of the gpu pool, wait, and return the state that it ended in.

    Returns None where no worker came for it, or where `closed` tells that this run is ending. A
    server that is away or fails for a while is waited for. However this is left before the end of
    the run there, that run is cancelled: nobody would take what it makes.
    """
    run = cast(FlowRun, run_deployment(DEPLOYMENT, parameters=parameters, timeout=0))
    with _cancelled_unless_final(run) as ended:
        while not closed():
            with _server_may_fail(), get_client(sync_client=True) as client:
                state = client.read_flow_run(run.id).state
                if state and state.is_final():
                    ended.append(state)
                    return state
                if state and state.is_scheduled() and not has_worker():
                    return None
            time.sleep(POLL)
    return None


@contextlib.contextmanager
def _cancelled_unless_final(run: FlowRun) -> Iterator[list[State[Any]]]:
    """Cancel `run` on the way out, unless its final state was put into the list."""
    ended: list[State[Any]] = []
    try:
        yield ended
    finally:
        if not ended:
            message = "called off by the run that asked for it"
            try:
                with get_client(sync_client=True) as client:
                    client.set_flow_run_state(run.id, Cancelling(message=message))
            except httpx.HTTPError as error:
                get_run_logger().warning(f"{run.name} goes on in pool {POOL}, for nobody: {error}")


@contextlib.contextmanager
def _server_may_fail() -> Iterator[None]:
    """Let pass what a server that is away, or at fault, answers; what it refuses is raised."""
    try:
        yield
    except httpx.TransportError:
        pass
    except httpx.HTTPStatusError as error:
        if error.response.status_code < 500:
            raise


def leave(name: str, entry: dict[str, Any], timing: dict[str, Any] | None) -> None:
    """Keep what dvc.lock says of a training with this run, for the coordinator to take over, and
    what the training took, where this machine knows it.
    """
    text = _FENCE.format(json.dumps({"lock": entry, "timing": timing}, indent=2))
    create_markdown_artifact(markdown=text, description=f"{name} in dvc.lock")


def what_was_left(state: State[Any]) -> dict[str, Any]:
    """Return what `leave` kept with the run that ended in `state`: `lock` and `timing`."""
    run_id = state.state_details.flow_run_id
    assert run_id is not None
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        (artifact,) = client.read_artifacts(artifact_filter=of_run)
    head, tail = _FENCE.split("{}")
    return json.loads(str(artifact.data).removeprefix(head).removesuffix(tail))
