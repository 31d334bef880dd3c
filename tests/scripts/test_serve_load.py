"""scripts/serve_load.py: the search of the Server scenario, and a short measurement of a server."""

import asyncio
import re
import sys

import measurable
import numpy as np
import pytest
from support import PROJECT, run_script


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(PROJECT / "scripts"))
    import serve_load

    yield serve_load
    sys.modules.pop("serve_load")


@pytest.mark.parametrize("capacity", [0.5, 7, 50, 333, 1234])
@pytest.mark.parametrize("errors", [False, True], ids=["too slow", "errors"])
def test_the_search_ends_just_below_what_a_server_can_do(script, capacity, errors):
    async def at(rate: float):
        slow = rate > capacity
        latency = 30 if slow and not errors else 10
        return script.Latencies(np.full(100, latency), int(slow and errors))

    rate, latencies = asyncio.run(script.highest_rate(at, bound=20))
    if capacity < 1:
        assert (rate, latencies) == (0, None)
    else:
        assert (1 - script.RESOLUTION) * capacity <= rate <= capacity
        assert latencies.errors == 0


def test_it_measures_a_server(tmp_path):
    measurable.make(tmp_path, "cnn")
    options = ["--seconds", "0.2", "--calls", "20", "--rate", "50", "--bound-ms", "0.001"]
    done = run_script("serve_load.py", tmp_path, "cnn", *options)
    assert done.returncode == 0, done.stderr
    assert re.search(r"one at a time, 20 each: request p50 [\d.]+ ms, bare session", done.stdout)
    assert "at 50/s for 0.2 s: 10 requests, 0 errors" in done.stdout
    assert "Server scenario, p99 <= 0.001 ms: 0 requests/s (None)" in done.stdout
