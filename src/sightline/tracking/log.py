"""What `sightline log` does: write trained models into MLflow, each once."""

import logging

from sightline.errors import SightlineError
from sightline.files import write_json
from sightline.layout import Layout
from sightline.tracking import locked_results, store
from sightline.tracking.connection import connected
from sightline.tracking.locked_results import LockedResults
from sightline.tracking.run import write_run
from sightline.tracking.store import Store

logger = logging.getLogger(__name__)


def log(name: str, layout: Layout) -> None:
    """Write one model into MLflow, once, and leave in logged/ which run that is.

    Raises SightlineError where a result is missing or is not the one that dvc.lock names, and
    where the server cannot be reached or refuses.
    """
    where, model = store.find(layout), locked_results.read(name, layout)
    model.check()
    where.relocate()
    if model.fingerprint in where.complete():
        logger.info("%s stands in MLflow already", name)
    else:
        _write([model], where)
    write_json(
        layout.logged(name),
        {"fingerprint": model.fingerprint, "registered_model": model.title},
    )


def complete(layout: Layout) -> None:
    """Write every model whose results are complete and whose run is missing or was cut off.

    A model whose results are not those of dvc.lock is named and left out.
    """
    where, ready = store.find(layout), []
    where.relocate()
    known = where.complete()
    for model in locked_results.read_all(layout).values():
        if model.fingerprint not in known:
            try:
                model.check()
                ready.append(model)
            except SightlineError as error:
                logger.warning("%s", error)
    if ready:
        _write(ready, where)


def _write(models: list[LockedResults], where: Store) -> None:
    with connected(where) as client:
        for model in models:
            write_run(client, model, where)
