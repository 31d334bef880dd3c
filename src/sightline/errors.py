"""The exceptions that a person is meant to read: they name the thing, the cause, the next step."""

import os
import re

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: the exit status that tells a flow to retry

_MASK = "***"
_SECRET = r"(?:token|secret|password|passwd|auth(?!or)|credential|signature|api_?key|access_?key)"
_USER = re.compile(r"(?<=://)[^\s/@]+@")
_IN_QUERY = re.compile(rf"(?i)([?&;][\w.-]*(?:{_SECRET}|key|sig)[\w.-]*=)[^&\s\'\"]+")
_HEADER = re.compile(
    r"(?i)\b(authorization[\'\"]?\s*[:=]\s*[\'\"]?(?:bearer |basic )?|bearer )[^\s\'\"]+"
)
_VARIABLE = re.compile(rf"(?i){_SECRET}|_NOTIFY_URL$")  # whose whole value nobody else may know


def masked(text: str) -> str:
    """Return a text that may leave this program: without the secrets in its addresses.

    That is the user and password of a URL, tokens and keys in its query, Authorization headers, and
    the values of environment variables whose names say that they are secret. Chat services keep
    theirs in the path of the address, so that SIGHTLINE_NOTIFY_URL is one of these.
    """
    for name, value in os.environ.items():
        named = _VARIABLE.search(name) and len(value) >= 6 and not value.startswith("/")
        if named and value in text:
            text = text.replace(value, _MASK)
    text = _USER.sub(f"{_MASK}@", text)
    text = _IN_QUERY.sub(rf"\g<1>{_MASK}", text)
    return _HEADER.sub(rf"\g<1>{_MASK}", text)


class SightlineError(Exception):
    """Bad input or a broken environment. The command line prints its text, without a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(masked(message))


class TryAgain(SightlineError):
    """A cause that passes (network, server, lock): the command line ends with status 75."""


def one_line(error: BaseException) -> str:
    """Return the text of an error in one line."""
    return " ".join(str(error).split())
