"""Completing an image from its upper rows, one row after the other. numpy only."""

from collections.abc import Callable

import numpy as np


def complete(
    next_row: Callable[[np.ndarray], np.ndarray], images: np.ndarray, known: int
) -> np.ndarray:
    """Return images with the rows from `known` on replaced by what a next-row model expects there.

    `images` uint8 N x H x W x C; `next_row` answers uint8 N x T x W x C, the rows so far, with
    float N x T x W x C, 0 to 1, whose last row is the expected next one. That row, rounded to a
    pixel's 256 steps, is then taken for seen.
    """
    done = images.copy()
    for row in range(known, images.shape[1]):
        expected = next_row(done[:, :row])[:, -1]
        done[:, row] = np.rint(expected * 255).astype(np.uint8)
    return done
