"""How `sightline serve` does under load: what HTTP adds to a call, and how many requests a second.

    python scripts/serve_load.py mnist-cnn
    python scripts/serve_load.py mnist-cnn --bound-ms 20 --seconds 60
    python scripts/serve_load.py mnist-cnn --serve-options "--wait-ms 0"

It starts a server of its own with one image of the test split in each request, a PNG by multipart,
and prints three things:

1. what a request adds to the bare session's call: one at a time, in turns with the session;
2. a fixed rate (`--rate`) of Poisson arrivals: errors, latency, the server's CPU time, which other
   programs on the machine change less than they change a latency;
3. the Server scenario of MLPerf Inference (Reddi et al. 2019, arXiv:1911.02549): the highest rate
   of Poisson arrivals at which the 99th percentile stays under `--bound-ms` and nothing fails, in
   one of three tries.

A latency counts from the moment at which the request was due, so that a server that falls behind
pays for it. Arrivals and images are drawn from `--seed`. MLPerf asks for 60 seconds at each rate;
the default is 10. The client shares the machine's cores with the server.
"""

import argparse
import asyncio
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
import psutil

from sightline.data.arrays import load_split
from sightline.drawing.sheets import as_image
from sightline.host.processors import cores, processor
from sightline.inference.session import Session
from sightline.layout import Layout

FIRST_RATE = 50.0  # 1/s
TRIES = 3
RESOLUTION = 0.05  # of the highest rate: where the search ends
IMAGES = 200


class Latencies(NamedTuple):
    """Of the requests of one measurement: milliseconds, and how many were not answered by 200."""

    milliseconds: np.ndarray
    errors: int

    def __str__(self) -> str:
        p50, p90, p99 = np.percentile(self.milliseconds, [50, 90, 99])
        return (
            f"{len(self.milliseconds)} requests, {self.errors} errors, "
            f"p50 {p50:.2f} ms, p90 {p90:.2f} ms, p99 {p99:.2f} ms"
        )


class Client:
    """Keeps connections to one server open and asks by whichever is free."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path, self._free = port, path, []

    async def ask(self, image: bytes) -> int:
        """Send one image; return the status of the answer."""
        reader, writer = await self._connection()
        writer.write(question(self._path, image))
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        self._free.append((reader, writer))
        return int(head.split()[1])

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():  # the server closes one that was idle for 5 seconds
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        """Close all connections."""
        for _, writer in self._free:
            writer.close()


def question(path: str, image: bytes) -> bytes:
    """Return a POST request with one image as multipart/form-data."""
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="images"; filename="image.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + image + b"\r\n--edge--\r\n"
    )
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def server(target: str, options: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the port and the process id of `sightline serve`, and end it."""
    command = [sys.executable, "-m", "sightline.cli", "serve", target, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield int(re.search(r":(\d+) \(", line)[1]), process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def png(image: np.ndarray) -> bytes:
    """Return an image, uint8 H x W x C, as a PNG file."""
    content = io.BytesIO()
    as_image(image).save(content, "png")
    return content.getvalue()


async def in_turns(
    client: Client, session: Session, images: np.ndarray, calls: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the milliseconds of requests and of the bare session's calls, one at a time."""
    files, taken = [png(image) for image in images], ([], [])
    for turn in range(calls + 50):
        at = turn % len(images)
        start = time.perf_counter()
        await client.ask(files[at])
        between = time.perf_counter()
        session.run(images[at : at + 1])
        end = time.perf_counter()
        if turn >= 50:  # the first ones warm up
            taken[0].append(1000 * (between - start))
            taken[1].append(1000 * (end - between))
    return np.array(taken[0]), np.array(taken[1])


async def at_rate(
    client: Client, files: list[bytes], rate: float, seconds: float, seed: int
) -> Latencies:
    """Send Poisson arrivals at a rate (1/s) for so many seconds; return their Latencies."""
    rng = np.random.default_rng(seed)
    due = np.cumsum(rng.exponential(1 / rate, max(1, int(rate * seconds))))
    start, taken, errors = time.perf_counter() + 0.1, np.zeros(len(due)), 0

    async def one(index: int) -> None:
        nonlocal errors
        try:
            errors += await client.ask(files[index % len(files)]) != 200
        except (OSError, asyncio.IncompleteReadError):
            errors += 1
        taken[index] = 1000 * (time.perf_counter() - start - due[index])

    async with asyncio.TaskGroup() as group:
        for index, moment in enumerate(due):
            wait = start + moment - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            group.create_task(one(index))
    return Latencies(taken, errors)


async def highest_rate(
    at: Callable[[float], Awaitable[Latencies]], bound: float
) -> tuple[float, Latencies | None]:
    """Return the highest rate (1/s) at which p99 <= `bound` ms without an error, and its Latencies.

    `at(rate)` measures one rate. Doubles until a rate fails, then halves the gap until it is
    RESOLUTION of the rate. A rate fails after TRIES: one alone may have met other programs at work.
    0 and None where even 1/s fails.
    """
    low, high, kept, rate = 0.0, None, None, FIRST_RATE
    while high is None or (high > 1 and high - low > RESOLUTION * high):
        for _ in range(TRIES):
            latencies = await at(rate)
            print(f"  {rate:.0f}/s: {latencies}", flush=True)
            if np.percentile(latencies.milliseconds, 99) <= bound and not latencies.errors:
                low, kept = rate, latencies
                break
        else:
            high = rate
        rate = 2 * low if high is None else (low + high) / 2
    return low, kept


async def measure(args: argparse.Namespace, port: int, pid: int, layout: Layout) -> None:
    """Print the three measurements."""
    session = Session(layout.model(args.model).onnx, threads=1)
    images, _ = load_split(layout.processed(session.metadata["dataset"]), "test")
    picked = np.random.default_rng(args.seed).integers(0, len(images), IMAGES)
    images = np.array(images[picked])
    files = [png(image) for image in images]
    client = Client(port, f"/models/{args.model}/predict")
    asked, bare = await in_turns(client, session, images, args.calls)
    print(
        f"one at a time, {args.calls} each: request p50 {np.median(asked):.2f} ms, bare session "
        f"p50 {np.median(bare):.3f} ms, added {np.median(asked) - np.median(bare):.2f} ms"
    )
    at = partial(at_rate, client, files, seconds=args.seconds, seed=args.seed)
    before = cpu_seconds(pid)
    fixed = await at(args.rate)
    each = 1000 * (cpu_seconds(pid) - before) / len(fixed.milliseconds)
    print(f"at {args.rate:g}/s for {args.seconds:g} s: {fixed}")
    print(f"the server's CPU time: {each:.2f} ms a request", flush=True)
    rate, kept = await highest_rate(at, args.bound_ms)
    print(f"Server scenario, p99 <= {args.bound_ms:g} ms: {rate:.0f} requests/s ({kept})")
    client.close()


def main() -> None:
    """Start a server, measure it, end it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="an exported model of this workspace")
    parser.add_argument("--bound-ms", type=float, default=20, help="on the 99th percentile; 20")
    parser.add_argument("--rate", type=float, default=300, help="of the fixed rate, 1/s; 300")
    parser.add_argument("--seconds", type=float, default=10, help="at each rate; 10")
    parser.add_argument("--calls", type=int, default=1000, help="one at a time; 1000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve-options", default="", help="given to `sightline serve`")
    args = parser.parse_args()
    print(f"{processor()}, {cores()} cores, load {os.getloadavg()[0]:.2f} at the start")
    with server(args.model, shlex.split(args.serve_options)) as (port, pid):
        asyncio.run(measure(args, port, pid, Layout()))
    print(f"load {os.getloadavg()[0]:.2f} at the end")


if __name__ == "__main__":
    main()
