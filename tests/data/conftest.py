"""A real HTTPS server on 127.0.0.1 that misbehaves on request, and datasets to fetch from it."""

import gzip
import hashlib
import io
import os
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import trustme
import yaml
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


def whole(data: bytes) -> Callable:
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
            return whole(data)(handler)
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


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def server(authority, monkeypatch, tmp_path):
    """A server whose certificate requests trusts, by the variable that requests reads."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            server.seen.append((self.path, self.headers.get("Range")))
            server.behave.get(self.path, status(404))(self)

        def log_message(self, *_):
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):  # clients that hang up are part of the tests
            pass

    httpd = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    httpd.socket = context.wrap_socket(
        httpd.socket, server_side=True, do_handshake_on_connect=False
    )
    server = Server(f"https://127.0.0.1:{httpd.server_port}")
    certificate = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    httpd.shutdown()
    httpd.server_close()


def idx(array: np.ndarray, claimed: tuple[int, ...] | None = None) -> bytes:
    """A gzipped IDX file; `claimed` is the shape that its header says."""
    shape = claimed or array.shape
    header = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def png(array: np.ndarray, mode: str | None = None, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array, mode).save(out, kind, **options)
    return out.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def catalogue(tmp_path):
    """Write a catalogue with one dataset; return its path."""

    def write(name="things", **entry):
        path = tmp_path / "catalogues" / "test.yaml"
        path.parent.mkdir(exist_ok=True)
        common = {"format": "folder", "real": False, "note": "made by a test", "terms": "none"}
        path.write_text(yaml.safe_dump({name: {**common, **entry}}))
        return path

    return write


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 600 kB that is full soon; skips where this machine cannot mount one."""
    yield from _mounted(tmp_path / "small", "size=600k")


@pytest.fixture
def read_only(tmp_path):
    """A folder that not even root may write to: a disk mounted read-only."""
    if os.geteuid():
        (tmp_path / "read-only").mkdir(mode=0o555)
        yield tmp_path / "read-only"
    else:
        yield from _mounted(tmp_path / "read-only", "ro")


def _mounted(folder, options):
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid():  # a user may mount in a namespace of its own, which this process is not in
        pytest.skip("needs root to mount a small disk")
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
