"""Texts in pictures and in Markdown: class names are anything that a person can call a folder."""

import html
import re
from functools import cache
from pathlib import Path

from PIL import ImageFont

_SIZE = 10  # pixels
_TAIL = 6  # characters at the end that a shortened text keeps: those of a share, as ` 100 %`
NAME_TAIL = 3  # of a name alone
_MARKS = re.compile(r"[\\`*|\[\]]|\b_|_\b")  # of Markdown, inside a line


def printable(text: str) -> str:
    """Return a text in which a character that the font lacks is spelled out, as U+732B."""
    return "".join(c if c == "\n" or ord(c) in _characters() else f"U+{ord(c):04X}" for c in text)


def shortened(text: str, width: float, tail_length: int = _TAIL) -> str:
    """Return a printable text of at most so many pixels of the sheets' font, cut before its end:
    `…` stands for what is left out.
    """
    text = printable(text)
    head, tail = text[:-tail_length], text[-tail_length:]
    while font().getlength(text) > width and head:
        head = head[:-1]
        text = f"{head}…{tail}"
    return text


def cut(text: str, length: int) -> str:
    """Return a text of at most so many characters: `…` at its end stands for what is left out."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def markdown(text: str) -> str:
    """Return a text as Markdown that shows it as it is: in one line, no mark and no HTML."""
    return _MARKS.sub(r"\\\g<0>", html.escape(" ".join(text.split()), quote=False))


@cache
def font() -> ImageFont.FreeTypeFont:
    """Return the font of the sheets. It comes with matplotlib, whose default it is as well."""
    # the other layout engine is not in every build of PIL
    return ImageFont.truetype(_file(), _SIZE, layout_engine=ImageFont.Layout.BASIC)


@cache
def _characters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(_file()).get_charmap())


def _file() -> str:
    from matplotlib import get_data_path

    return str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
