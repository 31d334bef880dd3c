"""Many images at once: the same arrays, whatever number of processes decodes."""

import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from served import png

from sightline.data import decode_many
from sightline.data.form import Form
from sightline.data.formats.dataset import Item
from sightline.errors import SightlineError
from sightline.host.processes import still_alive


def items(count):
    rng = np.random.RandomState(0)
    for row in range(count):
        side = int(rng.randint(8, 40))
        data = png(rng.randint(0, 256, (side, 30, 3)).astype(np.uint8))
        yield Item("train", row, f"{row}.png", data[:50] if row % 7 == 3 else data)


def form(item):
    return Form(12, 3, 16)


def test_any_number_of_processes_gives_the_same():
    alone, shared = (list(decode_many.read_many(items(150), form, number)) for number in (1, 2))
    assert [item for item, _ in alone] == [item for item, _ in shared]
    for (item, one), (_, other) in zip(alone, shared, strict=True):
        if item.row % 7 == 3:
            assert one == other and one.name == item.name
        else:
            assert np.array_equal(one, other)


def test_batches_are_bounded_in_number_and_bytes():
    small = [Item("train", row, "", b"x") for row in range(150)]
    assert [len(batch) for batch in decode_many._batches(small)] == [64, 64, 22]
    large = [Item("train", row, "", bytes(5 << 20)) for row in range(5)]
    assert [len(batch) for batch in decode_many._batches(large)] == [2, 2, 1]


@pytest.mark.faults
def test_a_killed_process_is_named():
    killer = Item("train", 0, "a.png", _Deadly())
    with pytest.raises(SightlineError, match="was killed, most likely for want of memory"):
        list(decode_many.read_many([killer], form, 2))


@pytest.mark.parametrize("at", ["its start", "work"])
@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_no_process_outlives_a_parent_that_is_killed(at):
    script = (
        "import signal\n"
        "from sightline.data import decode_many\n"
        "from sightline.data.form import Form\n"
        "from sightline.data.formats.dataset import Item\n"
        "items = (Item('train', row, '', b'no image') for row in range(10_000))\n"
        "decoded = decode_many.read_many(items, lambda item: Form(12, 3, 12), 2)\n"
        "next(decoded)\n"
        "print('decoding', flush=True)\n"
        "signal.pause()\n"
    )
    parent = psutil.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    with parent:
        if at == "work":
            parent.stdout.readline()
        while len(family := parent.children()) < 3:  # two that decode, and the resource tracker
            time.sleep(0.01)
        parent.kill()
    try:
        assert still_alive(family, 20) == []
    finally:
        for process in still_alive(family, 0):
            process.kill()


class _Deadly(bytes):
    """Ends the process that unpickles it, as the kernel ends one that takes too much memory."""

    def __reduce__(self):
        import os

        return os._exit, (9,)
