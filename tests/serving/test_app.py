"""The application without a server: what happens where time is short."""

import asyncio
from dataclasses import replace

import httpx
from served import png

from sightline.serving.app import application
from sightline.serving.limits import Limits
from sightline.serving.served import ServedModel


def test_images_whose_turn_comes_too_late_get_503(model, bars):
    limits = replace(Limits(), seconds=-1)
    app = application({"cnn": ServedModel(model, 1, 32, 0, limits)}, limits, threads=2)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test"
        ) as client:
            return await client.post("/models/cnn/predict", files={"images": png(bars[0])})

    response = asyncio.run(ask())
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "ask again, for fewer images" in response.json()["detail"]
