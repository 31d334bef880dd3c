"""Ask onnxruntime-web in a headless Chromium: a page posts its answers to a server on 127.0.0.1."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from process import Ended, Missing

from sightline.host.processes import end_tree

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless=new",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    # without a GPU, WebGPU runs on SwiftShader, which Chromium brings
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
]


def find() -> str:
    """Return the Chromium of this machine. Raises Missing where there is none."""
    for name in (os.environ.get("CHROMIUM", ""), *PROGRAMS):
        if path := name and shutil.which(name):
            return path
    raise Missing("no Chromium on this machine")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the bindings and the cases; a POST is a line of answers."""

    def do_POST(self) -> None:
        """Keep a line; the last one says that the page has ended."""
        line = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.take(line)
        self.send_response(204)
        self.end_headers()

    def translate_path(self, path: str) -> str:
        """Return the file of a URL: /cases is the model's folder, all else beside the page."""
        path = path.partition("?")[0]
        if path.startswith("/cases/"):
            return str(self.server.cases / path.removeprefix("/cases/"))
        return super().translate_path(path)

    def log_message(self, *arguments: object) -> None:
        """Print no line for each request."""


class Server(http.server.ThreadingHTTPServer):
    """The page's server, on a free port of 127.0.0.1."""

    def __init__(self, folder: Path, cases: Path, answers: Path):
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.cases, self.answers, self.ended = cases, answers, threading.Event()

    def take(self, line: dict) -> None:
        """Write one line of answers."""
        if "end" in line:
            self.ended.set()
            return
        with self.answers.open("a", encoding="utf-8") as file:
            print(json.dumps(line), file=file)


def ask(
    program: str, folder: Path, provider: str, cases: Path, answers: Path, seconds: float
) -> None:
    """Open the page in a Chromium of its own, wait for its end, and end the browser.

    Raises Ended where the browser ends first, or `seconds` pass.
    """
    answers.write_text("")
    with Server(folder, cases, answers) as server, tempfile.TemporaryDirectory() as profile:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        query = urlencode({"provider": provider, "cases": "/cases"})
        url = f"http://127.0.0.1:{server.server_port}/page.html?{query}"
        command = [program, *FLAGS, f"--user-data-dir={profile}"]
        command += ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none
        try:
            _browse([*command, url], server.ended, seconds)
        finally:
            server.shutdown()


def _browse(command: list[str], ended: threading.Event, seconds: float) -> None:
    with_us = [sys.executable, "-m", "sightline.host.processes"]  # it dies with this process
    quiet = subprocess.DEVNULL  # Chromium has much to say of buses and sounds that are not there
    process = subprocess.Popen([*with_us, *command], stdout=quiet, stderr=quiet)
    until = time.monotonic() + seconds
    try:
        while not ended.wait(0.1):
            if process.poll() is not None:
                raise Ended(f"the browser ended with status {process.returncode}")
            if time.monotonic() > until:
                raise Ended(f"no answer within {seconds:.0f} s")
    finally:
        end_tree(process.pid)
