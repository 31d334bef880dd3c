"""The exceptions that a person is meant to read: they name the thing, the cause, the next step."""

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: the exit status that tells a flow to retry


class SightlineError(Exception):
    """Bad input or a broken environment. The command line prints its text, without a traceback."""


class TryAgain(SightlineError):
    """A cause that passes (network, server, lock): the command line ends with status 75."""


def one_line(error: BaseException) -> str:
    """Return the text of an error in one line."""
    return " ".join(str(error).split())
