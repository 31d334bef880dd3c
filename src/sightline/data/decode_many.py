"""Many images decoded on all cores, in their order.

No result depends on how many images there are or how many processes share them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from sightline.data import image_files
from sightline.data.form import Form
from sightline.data.formats.dataset import Item
from sightline.errors import SightlineError
from sightline.host.processes import die_with_parent
from sightline.host.processors import cores

_BATCH_IMAGES = 64
_BATCH_BYTES = 8 << 20
_WORTH_A_POOL = 3000  # images; below, starting processes costs more than they save


class Broken(NamedTuple):
    """An image that could not be read, and why."""

    name: str
    why: str


def read_many(
    items: Iterable[Item], form_of: Callable[[Item], Form], processes: int
) -> Iterator[tuple[Item, np.ndarray | Broken]]:
    """Yield each item, in order, with its array in its form (or what is wrong with it).

    With more than one process a bounded number of batches is under way at a time, so that memory
    does not grow with the number of images.
    """
    if processes == 1:
        for item in items:
            yield item, _read_one(item, form_of(item))
        return
    # spawn: a fork of a process with threads (the progress bar's) may hang
    context = get_context("spawn")
    # each holds both ends of the queue, so it would wait for ever after a parent that was killed
    pool = ProcessPoolExecutor(processes, context, initializer=die_with_parent)
    under_way = deque()
    try:
        for batch in _batches(items):
            forms = [form_of(item) for item in batch]
            under_way.append((batch, pool.submit(_read_batch, batch, forms)))
            if len(under_way) > 2 * processes:
                yield from _result(under_way)
        while under_way:
            yield from _result(under_way)
    except BrokenProcessPool:
        raise SightlineError(
            "a process that decodes images was killed, most likely for want of memory: "
            "end other programs, then run the same command again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def worthwhile_processes(images: int) -> int:
    """Return how many processes to decode with: one, or a core each where there are many images."""
    if images < _WORTH_A_POOL:
        return 1
    return cores()


def _read_one(item: Item, form: Form) -> np.ndarray | Broken:
    if isinstance(item.image, np.ndarray):
        return image_files.fit_array(item.image, form)
    try:
        return image_files.read_as(item.image, form)
    except ValueError as error:
        return Broken(item.name, str(error))


def _read_batch(batch: list[Item], forms: list[Form]) -> list[np.ndarray | Broken]:
    return [_read_one(item, form) for item, form in zip(batch, forms, strict=True)]


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch, weight = [], 0
    for item in items:
        batch.append(item)
        weight += len(item.image)
        if len(batch) == _BATCH_IMAGES or weight > _BATCH_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _result(under_way: deque) -> Iterator[tuple[Item, np.ndarray | Broken]]:
    batch, future = under_way.popleft()
    yield from zip(batch, future.result(), strict=True)
