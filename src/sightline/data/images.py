"""One image, whatever its size and kind, as a square uint8 array; many of them on all cores.

PIL decodes and resizes, here and in `sightline.inference`: what a model is asked is made exactly
as what it was trained on, and no result depends on how many images there are or how many processes
share them. Why not another decoder, and what each costs: docs/data.md.
"""

import io
import os
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from sightline.data.dataset import Item
from sightline.errors import SightlineError
from sightline.processes import die_with_parent

RULE = "shorter side, then centre crop"
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")

_BATCH_IMAGES = 64
_BATCH_BYTES = 8 << 20
_WORTH_A_POOL = 3000  # images; below, starting processes costs more than they save
_ORIENTATION = 0x0112  # the EXIF tag


class Broken(NamedTuple):
    """An image that could not be read, and why."""

    name: str
    why: str


def read(data: bytes, size: int, channels: int, formats: tuple[str, ...] = FORMATS) -> np.ndarray:
    """Return an encoded image as uint8 size x size x channels (1 grey, 3 RGB).

    EXIF rotation is applied; transparent parts show white; 16-bit grey is scaled to 8 bits. The
    centred square of the image is resized (bilinear, antialiased), which is the same as resizing
    the shorter side and cropping the centre. A JPEG is decoded at the smallest of 1, 1/2, 1/4 and
    1/8 of its size that still holds `size` pixels. Raises ValueError where it is not a whole image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no matter; a bomb is an error below
            with Image.open(io.BytesIO(data), formats=formats) as image:
                if image.format != "PNG":
                    return _read(image, size, channels)
                image.verify()  # a PNG has checksums; PIL looks at all of them only when asked
            with Image.open(io.BytesIO(data), formats=formats) as image:
                return _read(image, size, channels)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise ValueError(f"not an image in a format known here ({', '.join(formats)})") from None
    except Exception as error:  # PIL's readers raise whatever they stumble over
        raise ValueError(str(error).strip() or type(error).__name__) from None


def _read(image: Image.Image, size: int, channels: int) -> np.ndarray:
    # of a JPEG libjpeg then computes fewer pixels, and for grey no colours; others have no draft
    drafted = image.draft("L" if channels == 1 else "RGB", (size, size))
    image.load()
    # 375 pixels by 2 are 187.5, in an image of 188: the rest of the last one is libjpeg's padding
    extent = drafted[1][2:] if drafted else image.size
    return _upright(fit(image, size, channels, extent), image)


def fit(
    image: Image.Image, size: int, channels: int, extent: tuple[float, float] | None = None
) -> np.ndarray:
    """Return a decoded image, of any mode, as uint8 size x size x channels.

    `extent`: width and height of what counts of it, from its upper left corner; else all.
    """
    image, mode = _flat(image), "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    width, height = extent or image.size
    if (width, height) != (size, size):
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image).reshape(size, size, channels)


def _upright(square: np.ndarray, image: Image.Image) -> np.ndarray:
    """Return a square turned and mirrored as its image's EXIF orientation, 1 to 8, asks for."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # unreadable metadata says nothing about the pixels
        return square
    if orientation in (5, 6, 7, 8):
        square = square.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        square = square[::-1]
    if orientation in (2, 3, 6, 7):
        square = square[:, ::-1]
    return square


def _flat(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits a channel without transparency."""
    if image.mode.startswith("I"):  # 16-bit grey; PIL's own conversion clips it at 255
        deep = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA"))
    return image


def read_many(
    items: Iterable[Item], size: int, channels: int, processes: int
) -> Iterator[tuple[Item, np.ndarray | Broken]]:
    """Yield each item, in order, with its array (or what is wrong with it).

    With more than one process a bounded number of batches is under way at a time, so that memory
    does not grow with the number of images.
    """
    if processes == 1:
        for item in items:
            yield item, _read_one(item, size, channels)
        return
    # spawn: a fork of a process with threads (the progress bar's) may hang
    context = get_context("spawn")
    # each holds both ends of the queue, so it would wait for ever after a parent that was killed
    pool = ProcessPoolExecutor(processes, context, initializer=die_with_parent)
    under_way = deque()
    try:
        for batch in _batches(items):
            under_way.append((batch, pool.submit(_read_batch, batch, size, channels)))
            if len(under_way) > 2 * processes:
                yield from _result(under_way)
        while under_way:
            yield from _result(under_way)
    except BrokenProcessPool:
        raise SightlineError(
            "a process that decodes images was killed, most likely for want of memory: "
            "end other programs, then run the same command again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def worthwhile_processes(images: int) -> int:
    """Return how many processes to decode with: one, or a core each where there are many images."""
    if images < _WORTH_A_POOL:
        return 1
    if hasattr(os, "sched_getaffinity"):  # what this process may use, not what the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_one(item: Item, size: int, channels: int) -> np.ndarray | Broken:
    if isinstance(item.image, np.ndarray):
        if item.image.shape == (size, size, channels):
            return item.image
        return fit(Image.fromarray(item.image.squeeze()), size, channels)
    try:
        return read(item.image, size, channels)
    except ValueError as error:
        return Broken(item.name, str(error))


def _read_batch(batch: list[Item], size: int, channels: int) -> list[np.ndarray | Broken]:
    return [_read_one(item, size, channels) for item in batch]


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch, weight = [], 0
    for item in items:
        batch.append(item)
        weight += len(item.image)
        if len(batch) == _BATCH_IMAGES or weight > _BATCH_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _result(under_way: deque) -> Iterator[tuple[Item, np.ndarray | Broken]]:
    batch, future = under_way.popleft()
    yield from zip(batch, future.result(), strict=True)
