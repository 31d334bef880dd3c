"""A real HTTPS server on 127.0.0.1 that misbehaves on request, and datasets to fetch from it."""

import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
import yaml
from served import Server, status


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
