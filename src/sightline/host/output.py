"""Standard output: written out before a command ends, and what it means that this fails."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class NobodyReads(Exception):
    """The reader of the output has ended, as `head` does."""


@contextmanager
def flushed() -> Iterator[None]:
    """Write out at the end what was printed. Where that fails, Python does not try it again."""
    try:
        yield
        if sys.stdout:  # None where the shell has closed it
            sys.stdout.flush()
    except OSError as error:
        if not sys.stdout:
            raise
        gone = isinstance(error, BrokenPipeError) and _reader_is_gone()
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if gone:
            raise NobodyReads from None
        raise


def _reader_is_gone() -> bool:
    """Whether the output is a pipe that nobody reads; other pipes break, too."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in output.poll(0))
