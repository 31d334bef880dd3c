"""Work pools, deployments and automations, written to the Prefect server of PREFECT_API_URL.

`python -m flows.services.registration` in the workspace. A program of its own, because Prefect
reads its settings (address, credentials, proxies) once, when it is imported.
"""

import subprocess
import sys
from pathlib import Path

import httpx
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.events.schemas.automations import AutomationCore
from prefect.workers.process import ProcessWorker

from sightline.errors import SightlineError, one_line

POOLS = ("cpu", "gpu")
TAG = "sightline"  # of every deployment in prefect.yaml


def register(root: Path) -> None:
    """Make the server hold the pools, prefect.yaml's deployments and automations.yaml's rules."""
    try:
        with get_client(sync_client=True) as client:
            for pool in POOLS:
                template = ProcessWorker.get_default_base_job_template()
                work_pool = WorkPoolCreate(name=pool, type="process", base_job_template=template)
                client.create_work_pool(work_pool, overwrite=True)
            deploy_all(root)
            delete_unlisted_deployments(client, root / "prefect.yaml")
            register_automations(client, root / "automations.yaml")
    except httpx.HTTPError as error:
        raise SightlineError(
            f"the Prefect server at {client.api_url} does not take it: {one_line(error)}: run "
            "`make up` again; the server's log is .sightline/services/server.log"
        ) from None


def deploy_all(root: Path) -> None:
    """Create or update the deployments of prefect.yaml.

    By Prefect's program: its client has no call that reads prefect.yaml with its pull steps,
    schedules, triggers and forms of parameters.
    """
    done = subprocess.run(
        ["prefect", "--no-prompt", "deploy", "--all"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise SightlineError(f"prefect deploy --all: {' '.join(lines[-3:])}")


def delete_unlisted_deployments(client: SyncPrefectClient, file: Path) -> None:
    """Delete the deployments that prefect.yaml no longer lists: else their schedules go on."""
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    listed = {(entry["entrypoint"], entry["name"]) for entry in entries}
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    for deployment in client.read_deployments(deployment_filter=ours):
        if (deployment.entrypoint, deployment.name) not in listed:
            client.delete_deployment(deployment.id)


def register_automations(client: SyncPrefectClient, file: Path) -> None:
    """Create the automations of automations.yaml, and update those that differ from it."""
    for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["automations"]:
        automation = AutomationCore.model_validate(entry)
        registered = client.read_automations_by_name(automation.name)
        if not registered:
            client.create_automation(automation)
        elif AutomationCore.model_validate(registered[0].model_dump()) != automation:
            client.update_automation(registered[0].id, automation)


if __name__ == "__main__":
    try:
        register(Path.cwd())
    except SightlineError as error:
        sys.exit(str(error))
