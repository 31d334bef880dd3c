"""What `sightline serve` does: opens the models, binds the address, ends cleanly on a signal."""

import signal
import socket
from pathlib import Path

import uvicorn

from sightline.errors import SightlineError
from sightline.host.memory import return_large_blocks
from sightline.layout import Layout, ModelFiles
from sightline.serving.app import application
from sightline.serving.gate import Gate
from sightline.serving.limits import Limits
from sightline.serving.served import ServedModel

GRACE = 15  # seconds that requests at work have after SIGTERM


def serve(
    targets: list[str],
    layout: Layout,
    host: str,
    port: int,
    threads: int,
    queue: int,
    batch: int,
    wait: float,
) -> None:
    """Serve exported models until SIGTERM or SIGINT, then answer what is at work and return.

    `targets`: names in params.yaml, folders with a model.onnx, or ONNX files. `threads`: of
    onnxruntime for one call. `queue`: requests at once. `batch`: images in one call. `wait`:
    seconds that a call waits for images that are being read. Raises SightlineError where a model
    cannot be opened, two have one name, or the address cannot be bound.
    """
    return_large_blocks()
    limits = Limits(requests=queue)
    models: dict[str, ServedModel] = {}
    for target in targets:
        model = ServedModel(_file(target, layout), threads, batch, wait, limits)
        if model.name in models:
            raise SightlineError(
                f"{target}: another model here is called {model.name}, too: serve them apart"
            )
        models[model.name] = model
    server = uvicorn.Server(_config(Gate(application(models, limits, batch), limits)))
    listener = _bound(host, port)
    # before uvicorn listens to them, and after: it raises the signal anew when all is done
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    address, port = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    print(f"{', '.join(models)} at http://{shown}:{port} (/docs shows how to ask)", flush=True)
    server.run(sockets=[listener])


def _config(app: Gate) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE,
    )


def _file(target: str, layout: Layout) -> Path:
    by_name = layout.model(target).onnx
    if by_name.is_file():
        return by_name
    path = Path(target)
    if path.is_dir():
        path = ModelFiles(path).onnx
    if not path.is_file():
        raise SightlineError(
            f"{target}: neither an exported model here ({by_name}) nor a file nor a folder with a "
            f"{by_name.name}: `sightline repro export@NAME` exports one of params.yaml"
        )
    return path


def _bound(host: str, port: int) -> socket.socket:
    listener = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # asyncio switches Nagle's delay (40 ms for an answer) off where the protocol is named
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(socket.SOMAXCONN)
    except (OSError, OverflowError) as error:
        if listener:
            listener.close()
        why = getattr(error, "strerror", None) or error
        raise SightlineError(
            f"{host}:{port} cannot be served on ({why}): is another server there? Else give "
            "another --port"
        ) from None
    return listener
