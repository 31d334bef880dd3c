"""The application: what each address takes and returns."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import BoundedSemaphore
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from sightline import __version__
from sightline.errors import one_line
from sightline.host.processors import cores
from sightline.serving.gate import RETRY_AFTER
from sightline.serving.limits import Limits
from sightline.serving.pixels import read_json_images
from sightline.serving.served import ServedModel, Wanted
from sightline.settings.explain import nearest

Images = Sequence[tuple[str, bytes | np.ndarray]]  # with their names
Top = Annotated[int, Query(ge=1, description="how many classes to return for each image")]
Invert = Annotated[
    Literal["auto", "yes", "no"],
    Query(description="auto inverts an image with a light border, if the model wants a dark one"),
]
_MODELS = "models"
_BODY = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {
                "images": {"type": "array", "items": {"type": "string", "format": "binary"}}
            },
        }
    },
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["images"],
            "properties": {
                "images": {
                    "type": "array",
                    "description": "each H x W or H x W x C, whole numbers from 0 to 255",
                    "items": {"type": "array", "items": {}},
                }
            },
        }
    },
}
_REFUSALS = {
    400: "not the form that is asked for",
    404: "no such model",
    408: "the request did not come in in time",
    413: "too many bytes",
    422: "no image could be read: each answer has its `error`",
    503: "too many requests at once, or images in them: ask again after Retry-After seconds",
}


class Answers(BaseModel):
    """An answer for each image, in order: `image`, `text`, and the values of the model's task, or
    `image` and `error`.
    """

    model: str
    answers: list[dict[str, Any]]


def application(models: dict[str, ServedModel], limits: Limits, threads: int) -> FastAPI:
    """Return the application that serves these models, by their names.

    `threads`: how many images may wait for their answers at once; as many as go into a batch.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="answer")
    reading = BoundedSemaphore(cores())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        pool.shutdown(cancel_futures=True)

    app = FastAPIOffline(
        title="Sightline", version=__version__, redoc_url=None, lifespan=lifespan, debug=False
    )

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Return `ok`, once the models are opened."""
        return {"status": "ok", "models": list(models)}

    router = APIRouter(prefix=f"/{_MODELS}")

    @router.get("")
    async def list_models() -> list[dict[str, Any]]:
        """Return the models that are served: name, task, data."""
        keys = ("name", "task", "network", "dataset", "real", "note")
        return [{key: model.metadata[key] for key in keys} for model in models.values()]

    @router.get("/{name}")
    async def show_model(name: str) -> dict[str, Any]:
        """Return what the model's file says of itself: docs/onnx.md lists it."""
        model = _find(models, name)
        return {"inputs": model.inputs, "outputs": model.outputs, "metadata": model.metadata}

    @router.post(
        "/{name}/predict",
        response_model=Answers,
        responses={status: {"description": text} for status, text in _REFUSALS.items()},
        openapi_extra={"requestBody": {"required": True, "content": _BODY}},
    )
    async def predict(
        name: str, request: Request, top: Top = 5, invert: Invert = "auto"
    ) -> JSONResponse:
        """Ask a model about image files (multipart) or pixels (JSON)."""
        model, run = _find(models, name), asyncio.get_running_loop().run_in_executor
        if request.headers.get("content-type", "").partition(";")[0] == "application/json":
            body = await request.body()
            if len(body) > limits.json_bytes:
                raise HTTPException(413, f"more than {limits.json_bytes:,} bytes: send image files")
            images = await run(pool, _from_json, body, limits, reading)
        else:
            images = await _from_form(request, limits)
        wanted = Wanted(top, invert, time.monotonic() + limits.seconds)
        jobs = [run(pool, model.answer, *image, wanted, reading) for image in images]
        answers = _complete(await asyncio.gather(*jobs, return_exceptions=True), limits)
        readable = any("error" not in answer for answer in answers)
        return JSONResponse({"model": name, "answers": answers}, 200 if readable else 422)

    app.include_router(router)
    return app


def _complete(answers: list[Any], limits: Limits) -> list[dict[str, Any]]:
    """Return the answers if all are there. They were waited for: none is at work any more."""
    for answer in answers:
        if isinstance(answer, TimeoutError):
            detail = f"not answered within {limits.seconds:g} seconds: ask again, for fewer images"
            raise HTTPException(503, detail, {"Retry-After": str(RETRY_AFTER)})
        if isinstance(answer, BaseException):
            raise answer
    return answers


def _find(models: dict[str, ServedModel], name: str) -> ServedModel:
    if name not in models:
        raise HTTPException(404, f"no model {name!r} is served: {nearest(name, list(models))}")
    return models[name]


async def _from_form(request: Request, limits: Limits) -> Images:
    async with request.form(max_files=limits.images, max_fields=limits.images) as form:
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        images = [(_name(file, n), await file.read()) for n, file in enumerate(files)]
    if not images:
        raise HTTPException(
            400,
            "no image in it: send files as multipart/form-data (curl -F images=@FILE), or pixels "
            "as application/json",
        )
    return images


def _name(file: UploadFile, number: int) -> str:
    """Return a file's name as text that JSON holds, whatever encoding the client named."""
    name = file.filename or f"image {number}"
    return name.encode("utf-8", "backslashreplace").decode()


def _from_json(body: bytes, limits: Limits, reading: BoundedSemaphore) -> Images:
    try:
        with reading:
            images = read_json_images(body, limits)
    except ValueError as error:
        raise HTTPException(400, one_line(error)) from None
    return [(f"image {index}", image) for index, image in enumerate(images)]
