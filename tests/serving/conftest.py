"""A server of three small models, and images that they know."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from exported import trained
from PIL import Image

from sightline.data.arrays import load_split
from sightline.export.export import export
from sightline.layout import Layout

MODELS = ("cnn", "lstm-next-row", "cnn-rotation")


class Server(NamedTuple):
    """A running `sightline serve`."""

    process: subprocess.Popen
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "sightline.cli", "serve", *arguments, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            yield Server(process, int(re.search(r"http://127\.0\.0\.1:(\d+) ", line)[1]))
        finally:
            process.kill()


def png(image: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "png", **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def layout(tmp_path_factory) -> Layout:
    """One model of each task, exported."""
    layout = trained(tmp_path_factory.mktemp("serving"), *MODELS)
    for name in MODELS:
        export(name, layout)
    return layout


@pytest.fixture(scope="session")
def bars(layout) -> np.ndarray:
    """Three test images, light on dark, 12 x 12."""
    return np.array(load_split(layout.processed("bars"), "test")[0][:3, :, :, 0])


@pytest.fixture(scope="session")
def server(layout) -> Iterator[Server]:
    with serving(*(str(layout.model(name).path) for name in MODELS)) as server:
        yield server


@pytest.fixture(scope="session")
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def model(layout) -> Path:
    """The file of the cnn."""
    return layout.model("cnn").onnx
