"""Backgrounds, patterns and light, in integer arithmetic."""

import random
from functools import cache

import numpy as np

from sightline.sample.canvas import Colour, Pen


@cache
def _weights(length: int, cells: int) -> np.ndarray:
    """Return the integer weights (length x (cells + 1), rows sum to 64) of linear interpolation."""
    place = (np.arange(length) * 2 + 1) * cells * 32 // length
    cell, part = place // 64, place % 64
    weights = np.zeros((length, cells + 1), np.int64)
    weights[np.arange(length), cell] = 64 - part
    weights[np.arange(length), cell + 1] += part
    return weights


def noise(
    height: int, width: int, channels: int, rng: random.Random, cells: int = 4, spread: int = 20
) -> np.ndarray:
    """Return smooth noise: int64 H x W x C within ±spread, `cells` hills across."""
    count = (cells + 1) * (cells + 1) * channels
    knots = np.frombuffer(rng.randbytes(count), np.uint8).astype(np.int64) - 128
    knots = knots.reshape(cells + 1, (cells + 1) * channels)
    rows = (_weights(height, cells) @ knots).reshape(height, cells + 1, channels)
    columns = rows.transpose(0, 2, 1) @ _weights(width, cells).T  # integers: exact in any order
    return (columns.transpose(0, 2, 1) * spread) >> 19


def grain(shape: tuple[int, ...], rng: random.Random, spread: int) -> np.ndarray:
    """Return a camera's noise: int64 of `shape`, even within ±spread."""
    size = int(np.prod(shape))
    drawn = np.frombuffer(rng.randbytes(size), np.uint8).astype(np.int64).reshape(shape)
    return (drawn * (2 * spread + 1) >> 8) - spread


def pattern(kind: str, height: int, width: int, rng: random.Random) -> np.ndarray:
    """Return where a cloth, coat or wall shows its second colour: int64 H x W, 0 or 1."""
    y, x = np.arange(height)[:, None], np.arange(width)
    period = max(rng.randrange(4, 9) * height // 28, 2)
    phase = rng.randrange(period)
    down, across = (y + phase) % period, (x + phase) % period
    match kind:
        case "plain":
            where = (y < 0) & (x < 0)
        case "stripes":
            where = (down * 2 >= period) & (x >= 0)
        case "bands":
            where = ((y + phase) // (2 * period) % 2 == 1) & (x >= 0)
        case "lines":
            where = (across * 3 >= 2 * period) & (y >= 0)
        case "diagonal":
            where = (x + y + phase) % period * 2 >= period
        case "checks":
            where = (down * 2 >= period) ^ (across * 2 >= period)
        case "plaid":
            where = (down * 4 >= 3 * period) | (across * 4 >= 3 * period)
        case "windows":
            where = (down * 2 >= period) & (across * 2 >= period)
        case "knit":
            where = (x * 14 // height + y * 14 // height + phase) % 2 == 1
        case "print" | "spots" | "patches":
            cells, above = {"print": (9, 25), "spots": (13, 40), "patches": (5, 5)}[kind]
            where = noise(height, width, 1, rng, cells, spread=128)[..., 0] > above
        case _:
            raise ValueError(f"no pattern '{kind}'")
    return where.astype(np.int64)


def tint(colour: Colour, rng: random.Random, spread: int = 22) -> Colour:
    """Return a colour near `colour`: lighter or darker as a whole, and a little in each channel."""
    light = rng.randint(-spread, spread)
    return tuple(min(max(c + light + rng.randint(-10, 10), 0), 255) for c in colour)


def darker(colour: Colour, by: int) -> Colour:
    """Return the colour with `by` grey levels less of each channel."""
    return tuple(max(c - by, 0) for c in colour)


def coat(
    pen: Pen, colour: Colour, second: Colour | None = None, marks: str = "plain", spread: int = 14
) -> np.ndarray:
    """Return a texture for the pen's whole image: fur, feathers or paint with marks in `second`."""
    base = np.array(colour) + noise(pen.height, pen.width, 1, pen.rng, cells=7, spread=spread)
    if second is None or marks == "plain":
        return base
    where = pattern(marks, pen.height, pen.width, pen.rng)[..., None]
    return base + where * (np.array(second) - np.array(colour))
