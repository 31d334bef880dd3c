"""The console of a flow run."""

import logging
from functools import partial

from prefect.logging.handlers import PrefectConsoleHandler


def outlive_reader() -> None:
    """Let this run go on when nobody reads its console any more, as after a worker was killed.

    rich, which Prefect prints log lines with, would end the task that logs the next one; its
    `on_broken_pipe` is there to be replaced. Prefect's server gets the lines all the same.
    """
    for name in (None, *logging.root.manager.loggerDict):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, PrefectConsoleHandler):
                handler.console.on_broken_pipe = partial(setattr, handler.console, "quiet", True)
