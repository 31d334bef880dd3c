"""Damage that PIL's decoders pass over: lost or zeroed data in a JPEG, a WebP or a BMP.

What is found, what cannot be, and what it costs: docs/data.md.
"""

import numpy as np
from PIL import Image, ImageFile

from sightline.data import jpeg_scans
from sightline.data.jpeg_scans import ZEROS

_AHEAD = b"\0" * 8  # how far libjpeg reads ahead of what it decodes
_TOO_MANY = 64  # bytes; some cameras leave a few behind the last pixel
_ZEROS_TOO_MANY = 16  # the same where there are zeros, which pass for many flat blocks
_LEAST_ROWS = 4
_NOT_BLACK = 0.95  # of the pixels before a break


def load(image: ImageFile.ImageFile, data: bytes) -> None:
    """Load the pixels of an opened image. Raises ValueError, or OSError of PIL, for damage."""
    pieces = []
    if image.format in ("JPEG", "MPO"):
        pieces = _pieces(data)
    elif image.format == "WEBP":
        _check_webp(data, image.size[0] * image.size[1])
    if pieces:
        setattr(image, "load_read", lambda _: pieces.pop(0) if pieces else b"")  # noqa: B010
    image.load()
    if pieces:
        raise ValueError("broken: its compressed data hold more than the image")
    if image.format == "BMP" and data.endswith(ZEROS):
        _check_bmp(image)


def _pieces(data: bytes) -> list[bytes]:
    """Return a JPEG of one scan in two pieces such that PIL is done with the second one.

    With less data it would ask for a third, and say that there is none; with more it would be done
    with the first. Empty for a JPEG of several scans, which is decoded at once.
    """
    try:
        scans = jpeg_scans.scans(data)
    except (IndexError, KeyError):  # PIL has its own word for a damaged header
        return []
    if len(scans) == 1 and scans[0].complete:
        scan = scans[0]
        end = scan.end if scan.zeros is None else scan.zeros
        zeros = data.find(ZEROS, scan.start, scan.end) >= 0
        before = max(scan.start, end - (_ZEROS_TOO_MANY if zeros else _TOO_MANY))
        return [data[:before], data[before:end] + _AHEAD]
    if any(scan.zeros is not None for scan in scans):
        raise ValueError("broken: zeros in its compressed data")
    return []


def _check_webp(data: bytes, pixels: int) -> None:
    """Raise ValueError for more zeros than flat images of so many pixels have."""
    at = 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        # lossy: measured, 1 byte per 10,000 pixels; lossless: a bit for each of three colours
        allowed = {b"VP8 ": pixels // 2000, b"VP8L": 3 * pixels // 8}.get(kind)
        zeros = None if allowed is None else bytes(len(ZEROS) + allowed)
        if zeros and data.find(zeros, at + 8, at + 8 + size) >= 0:
            raise ValueError("broken: zeros in its compressed data")
        # a frame of an animation holds chunks of its own behind 16 bytes
        at += 8 + (16 if kind == b"ANMF" else size + size % 2)


def _check_bmp(image: Image.Image) -> None:
    """Raise ValueError where pixels without any black break off into black alone inside of a row.

    A BMP's rows stand from the bottom up, or from the top down.
    """
    seen = np.asarray(image.convert("RGB")).max(axis=2) > 0
    filled = np.flatnonzero(seen.max(axis=1))
    if not len(filled):
        return
    for rows, last in ((seen, filled[-1]), (seen[::-1], len(seen) - 1 - filled[0])):
        width = np.flatnonzero(rows[last])[-1] + 1
        inside = last > 0 and width < rows.shape[1]
        enough = len(rows) - 1 - last >= max(_LEAST_ROWS, len(rows) // 8)
        if inside and enough and min(rows[last - 1].mean(), rows[last, :width].mean()) > _NOT_BLACK:
            raise ValueError("broken: its pixels break off into zeros")
