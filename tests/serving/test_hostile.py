"""1,000 hostile requests, four at a time: no crash, memory comes back, right answers in between."""

import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import psutil
import pytest
from served import png
from serving.hostile import ANY, kinds
from serving.server import Server, serving

from sightline.inference.session import Session

REQUESTS, AT_ONCE = 1000, 4
MIB = 1 << 20


def status(server: Server, content: bytes, expected: set[int] | None) -> int | None:
    """Send bytes, and hang up where no answer is due; return the status of the answer, if any."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        try:
            connection.sendall(content)
            if expected is ANY:
                connection.shutdown(socket.SHUT_WR)
            head = connection.makefile("rb").readline()
        except ConnectionError:  # it has closed before it took all
            return None
        return int(head.split()[1]) if head else None


@pytest.mark.parametrize("name", kinds())
def test_a_hostile_request_is_refused_by_its_status(server, name):
    content, expected = kinds()[name]
    answer = status(server, content, expected)
    assert answer != 500 if expected is ANY else answer in expected


@pytest.mark.slow
def test_a_thousand_hostile_requests_do_no_harm(layout, bars):
    session = Session(layout.model("cnn").onnx)
    expected = session.run(bars[..., None])["probabilities"]
    hostile = list(kinds().values())
    with serving(str(layout.model("cnn").path)) as server:
        client = httpx.Client(base_url=server.url, timeout=120, trust_env=False)
        memory = psutil.Process(server.process.pid).memory_info

        def check(index: int) -> None:
            files = {"images": png(bars[index])}
            content = client.post("/models/cnn/predict", files=files).json()["answers"][0]
            shares = {entry["name"]: entry["probability"] for entry in content["classes"]}
            row = [shares[f"bar {n}"] for n in range(3)]
            np.testing.assert_allclose(row, expected[index], atol=1e-5)

        def attack(number: int) -> int | None:
            if number % 10 == 0:
                check(number // 10 % 3)
            return status(server, *hostile[number % len(hostile)])

        for index in range(3):
            check(index)
        before = memory().rss
        with ThreadPoolExecutor(AT_ONCE) as pool:
            statuses = list(pool.map(attack, range(REQUESTS)))
        grown = (memory().rss - before) / MIB
        print(f"{REQUESTS} requests of {len(hostile)} kinds: memory grew by {grown:.0f} MiB")
        assert 500 not in statuses
        assert server.process.poll() is None
        assert grown < 100
        server.process.terminate()
        assert server.process.wait(30) == 0
        assert "Traceback" not in server.process.stderr.read()
