"""What tests of the data path serve and decode: a server's behaviours, images, archives."""

import gzip
import hashlib
import io
import struct
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
from PIL import Image


class Server:
    """Answers GET by the behaviour set for a path; `seen` lists (path, Range header) in order."""

    def __init__(self, base: str):
        self.base = base
        self.behave: dict[str, Callable] = {}
        self.seen: list[tuple[str, str | None]] = []

    def at(self, path: str, behave: Callable) -> str:
        self.behave[path] = behave
        return self.base + path


def complete(data: bytes) -> Callable:
    """Serve everything, whatever is asked for: a server without Range."""

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return behave


def ranged(data: bytes) -> Callable:
    """Serve from the byte that is asked for on."""

    def behave(handler):
        asked = handler.headers.get("Range")
        if asked is None:
            return complete(data)(handler)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            handler.send_response(416)
            handler.send_header("Content-Length", "0")
            return handler.end_headers()
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start:])

    return behave


def cut(data: bytes, after: int) -> Callable:
    """Promise everything, send so many bytes, and hang up."""

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:after])
        handler.close_connection = True

    return behave


def in_pieces(data: bytes, size: int) -> Callable:
    """Promise all from the byte that is asked for on, send `size` bytes of it, and hang up."""

    def behave(handler):
        asked = handler.headers.get("Range", "bytes=0-")
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        handler.wfile.write(data[start : start + size])
        handler.close_connection = True

    return behave


def stall(data: bytes, after: int, let_go: threading.Event) -> Callable:
    """Send so many bytes, then nothing, and keep the connection open."""

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:after])
        handler.wfile.flush()
        let_go.wait(20)
        handler.close_connection = True

    return behave


def status(code: int, **headers: str) -> Callable:
    def behave(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def first(*behaviours: Callable) -> Callable:
    """Behave in one way at the first request, in another at the next; the last one stays."""
    left = list(behaviours)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def idx(array: np.ndarray, claimed: tuple[int, ...] | None = None) -> bytes:
    """A gzipped IDX file; `claimed` is the shape that its header says."""
    shape = claimed or array.shape
    header = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def png(array: np.ndarray, mode: str | None = None, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array, mode).save(out, kind, **options)
    return out.getvalue()


DOWNLOAD = """
import sys
from pathlib import Path
from sightline.data.fetch import download
from sightline.errors import SightlineError
from sightline.layout import Raw
folder = Path(sys.argv[2])
try:
    download(Path(sys.argv[1]), Raw(folder / "things"), folder / "parts")
except SightlineError as error:
    sys.exit(str(error))
"""


def run_download(catalogue_path, folder, **options):
    """Download the dataset `things` into a folder, in a process of its own."""
    command = [sys.executable, "-c", DOWNLOAD, str(catalogue_path), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
