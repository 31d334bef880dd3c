"""One file over https: mirrors tried in turn, resumed, retried, checked before anybody opens it."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

import sightline
from sightline.errors import SightlineError, TryAgain
from sightline.host import locks
from sightline.settings.catalogue import File

if TYPE_CHECKING:  # importing it takes a second: only a transfer pays for it
    import requests

log = logging.getLogger(__name__)

_CHUNK = 1 << 16  # bytes; as much is lost of a connection that stalls


@dataclass(frozen=True)
class Network:
    """How patient a transfer is.

    `rounds` over all URLs that bring nothing new; `timeout`: seconds without a byte; `pause`: the
    first one, in seconds.
    """

    rounds: int = 6
    timeout: float = 30.0
    pause: float = 1.0


PATIENT = Network()

# returns the line of source.json for a file; SightlineError where it is not the right one
Inspect = Callable[[Path], dict[str, Any]]


class _AskAgain(Exception):
    """A failure that may pass."""


class _GiveUp(Exception):
    """A failure that this URL will show again."""


def transfer(file: File, part: Path, network: Network, inspect: Inspect) -> dict[str, Any]:
    """Fetch a file into `part` from the first of its https URLs that gives the right one.

    The caller holds `alone(part)`. What `part` holds from an interrupted run is resumed where the
    server can (HTTP Range), and thrown away where the whole turns out wrong. Each round asks every
    URL that has not failed for good; the pause between rounds doubles. A round that brought more of
    the file than was ever there does not count: some hosts break off after each part. Returns what
    `inspect` says of the whole file (it raises SightlineError for a wrong one). Raises TryAgain
    with what each URL answered, or SightlineError where all have failed for good.
    """
    answers = {url: "not asked" for url in file.urls if url.startswith("https:")}
    hopeful = list(answers)
    without_gain, most = 0, _size(part)
    while hopeful and without_gain < network.rounds:
        for url in list(hopeful):
            try:
                return _fetch_from(url, file, part, network, inspect)
            except _AskAgain as error:
                answers[url] = str(error)
                log.info("%s: %s", url, error)
            except _GiveUp as error:
                answers[url] = str(error)
                hopeful.remove(url)
                log.info("%s: %s", url, error)
        without_gain = 0 if _size(part) > most else without_gain + 1
        most = max(most, _size(part))
        if hopeful and without_gain < network.rounds:
            time.sleep(network.pause * 2 ** max(0, without_gain - 1))
    summary = "; ".join(f"{url} {text}" for url, text in answers.items())
    if not hopeful:
        raise SightlineError(f"{file.name} could not be fetched: {summary}: correct the catalogue")
    raise TryAgain(
        f"{file.name} could not be fetched: {summary}: look at the network, then run the same "
        "command again: it resumes"
    )


def alone(part: Path) -> AbstractContextManager[None]:
    """Let one process at a time fetch the same file, until it has moved the whole one to its place.

    The lock's file stays, it is empty.
    """
    return locks.waited_for(
        part.with_suffix(".lock"),
        lambda: log.info("%s: another process fetches it, waiting", part.name),
    )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _fetch_from(
    url: str, file: File, part: Path, network: Network, inspect: Inspect
) -> dict[str, Any]:
    had = _size(part)
    if file.size is None or had < file.size:
        _get(url, file, part, had, network)
    try:
        return inspect(part)
    except SightlineError as wrong:
        complete = file.size is None or part.stat().st_size >= file.size
        if complete:
            part.unlink()
        # A wrong start from an earlier run, or a body cut short, may be right the next time.
        raise (_AskAgain if had or not complete else _GiveUp)(str(wrong)) from None


def _get(url: str, file: File, part: Path, had: int, network: Network) -> None:
    """Append to `part` what the server sends from byte `had` on, or write it anew."""
    import requests
    import urllib3

    headers = {
        "User-Agent": f"sightline/{sightline.__version__}",
        "Accept-Encoding": "identity",  # the digest is of the file, not of what it unpacks to
        **({"Range": f"bytes={had}-"} if had else {}),
    }
    with requests.Session() as session:
        del session.adapters["http://"]  # a redirect must not lead away from https
        try:
            with session.get(
                url, headers=headers, stream=True, timeout=(network.timeout, network.timeout)
            ) as response:
                _judge(response, part)
                resumed = response.headers.get("Content-Range", "").startswith(f"bytes {had}-")
                if response.status_code == 206 and not resumed:
                    raise _GiveUp("answers another range than was asked for")
                _save(response, file, part, had if response.status_code == 206 else 0)
        except requests.exceptions.InvalidSchema:
            raise _GiveUp("redirects away from https") from None
        except requests.exceptions.SSLError as error:
            raise _GiveUp(f"its certificate is not trusted ({error})") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _AskAgain(f"the connection failed ({error})") from None


def _judge(response: "requests.Response", part: Path) -> None:
    code = response.status_code
    if code == 416:  # what is there reaches past the server's file
        part.unlink(missing_ok=True)
        raise _AskAgain("has no such range; starting afresh")
    if code in (408, 425, 429) or code >= 500:
        raise _AskAgain(f"answers {code} {response.reason}")
    if code not in (200, 206):
        raise _GiveUp(f"answers {code} {response.reason}")


def _save(response: "requests.Response", file: File, part: Path, start: int) -> None:
    bar = tqdm(
        total=file.size, initial=start, unit="B", unit_scale=True, desc=file.name, disable=None
    )
    with part.open("ab" if start else "wb") as out, bar:
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            if not start and not out.tell() and _is_page(chunk):
                raise _AskAgain("sends a web page in the file's place: a login, or a notice")
            out.write(chunk)
            bar.update(len(chunk))
            if file.size is not None and out.tell() > file.size:
                out.truncate(0)
                raise _GiveUp(f"sends more than the {file.size:,} bytes that the catalogue says")


def _is_page(begin: bytes) -> bool:
    """Whether a file begins as HTML does; no dataset does."""
    return begin.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))
