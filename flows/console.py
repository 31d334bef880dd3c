"""The console of a flow run."""

import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.runtime import flow_run
from prefect.settings import get_current_settings

from flows.outcome import TRY_AGAIN_STATE
from sightline.errors import TRY_AGAIN, masked, one_line


def outlive_reader() -> None:
    """Let this run go on when nobody reads its console any more, as after a worker was killed.

    rich, which Prefect prints log lines with, would end the task that logs the next one; its
    `on_broken_pipe` is there to be replaced. Prefect's server gets the lines all the same.
    """
    for name in (None, *logging.root.manager.loggerDict):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, PrefectConsoleHandler):
                handler.console.on_broken_pipe = partial(setattr, handler.console, "quiet", True)


def say_end(result: str, failed: bool, artifact: str) -> None:
    """Log how this flow run ends, and where to open its artifact, if it left one (else "").

    `prefect deployment run --watch` shows the log, and of the state its name alone. A server that
    Prefect starts for this run alone ends with it, so there is no page to open then.
    """
    log = get_run_logger()
    (log.error if failed else log.info)(result)
    if artifact and get_current_settings().api.url:
        log.info(f"open {flow_run.ui_url}: under Artifacts, `{artifact}` has the tables")


def by_hand(flow: Callable[..., Any]) -> int:
    """Run a flow in this process; return the exit status: 0, 75 if the cause may pass, else 1.

    Prefect would end in a traceback, below the line that says how the run ended.
    """
    try:
        state = flow(return_state=True)
    except (RuntimeError, httpx.HTTPError, PrefectHTTPStatusError) as error:
        server = get_current_settings().api.url or "the server that Prefect starts for this run"
        line = f"Prefect: {server}: {one_line(error)[:300]}"
        advice = "`make up` starts a server; without PREFECT_API_URL a run starts one of its own"
        print(masked(f"sightline: {line}: {advice}"), file=sys.stderr)
        return TRY_AGAIN
    if state.is_completed():
        return 0
    return TRY_AGAIN if state.name == TRY_AGAIN_STATE else 1
