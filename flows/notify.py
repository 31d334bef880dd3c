"""Telling somebody that a run failed."""

import json
import logging
import os
import urllib.request
from typing import TYPE_CHECKING, Any

from sightline.errors import masked

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

# where failures are posted as {"text": ..}, as chat services take it
NOTIFY = "SIGHTLINE_NOTIFY_URL"


def post_failure(flow: "Flow[..., Any]", flow_run: "FlowRun", state: "State[Any]") -> None:
    """Post a run that failed or crashed to SIGHTLINE_NOTIFY_URL, if that is set in the worker."""
    url = os.environ.get(NOTIFY)
    text = masked(f"{flow.name} '{flow_run.name}' ended as {state.name}: {state.message}")
    if not url:
        return
    request = urllib.request.Request(
        url, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except OSError as error:
        logging.getLogger("prefect").warning(
            f"{NOTIFY}: {masked(str(error))}: nobody was told: {text}"
        )
