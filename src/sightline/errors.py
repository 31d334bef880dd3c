"""The one exception that a person is meant to read: it names the thing, the cause, the next step."""


class SightlineError(Exception):
    """Bad input or a broken environment. The command line prints its text, without a traceback."""
