"""The gate: a request of too many bytes, too slow, or one too many is refused at once."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI, Request

from sightline.serving.gate import Gate
from sightline.serving.limits import Limits


class Asked:
    """The gate before an application that answers with the length of a body, once it is let go."""

    def __init__(self, **limits):
        self.go = asyncio.Event()
        self.inside = asyncio.Semaphore(0)  # as many as have passed the gate
        app = FastAPI()

        @app.post("/")
        async def length(request: Request) -> int:
            self.inside.release()
            body = await request.body()
            await self.go.wait()
            return len(body)

        @app.get("/")
        async def get() -> str:
            return "here"

        self.gate = Gate(app, replace(Limits(), **limits))
        transport = httpx.ASGITransport(self.gate)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://test")


def test_one_request_too_many_gets_503_and_a_time_to_come_again():
    async def check():
        asked = Asked(requests=2)
        at_work = [asyncio.create_task(asked.client.post("/", content=b"abc")) for _ in range(2)]
        for _ in at_work:
            await asked.inside.acquire()
        refused = await asked.client.post("/", content=b"abc")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "2 requests are at work" in refused.json()["detail"]
        assert (await asked.client.get("/")).json() == "here"
        asked.go.set()
        assert [(await job).json() for job in at_work] == [3, 3]
        assert (await asked.client.post("/", content=b"abcd")).json() == 4
        assert asked.gate.at_work == 0

    asyncio.run(check())


@pytest.mark.parametrize("pieces", [[b"x" * 101], [b"x" * 60, b"x" * 60]])
def test_too_many_bytes_get_413_whatever_the_header_says(pieces):
    async def check():
        asked = Asked(bytes=100)
        asked.go.set()

        async def content():
            for piece in pieces:
                yield piece

        refused = await asked.client.post("/", content=content())
        assert refused.status_code == 413
        assert "more than 100 bytes" in refused.json()["detail"]
        assert (await asked.client.post("/", content=b"x" * 100)).json() == 100
        assert asked.gate.at_work == 0

    asyncio.run(check())


def test_a_request_that_does_not_come_in_gets_408():
    async def check():
        asked = Asked(seconds=0.05)
        asked.go.set()

        async def content():
            yield b"x"
            await asyncio.Event().wait()

        refused = await asked.client.post("/", content=content())
        assert refused.status_code == 408
        assert refused.headers["connection"] == "close"
        assert "within 0.05 seconds" in refused.json()["detail"]
        assert asked.gate.at_work == 0

    asyncio.run(check())


def test_a_client_that_goes_leaves_its_place():
    async def check():
        asked = Asked()
        scope = {
            **{"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "headers": []},
            **{"query_string": b"", "http_version": "1.1", "scheme": "http"},
        }

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            pass

        await asked.gate(scope, receive, send)
        assert asked.gate.at_work == 0

    asyncio.run(check())
