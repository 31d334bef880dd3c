"""JPEGs to squares: Sightline's decoder beside PIL's usual idiom and others, in one run.

    OMP_NUM_THREADS=1 python scripts/decode.py "$SIGHTLINE_MIRROR"

One process first: CPU milliseconds an image, the least of seven turns, which every decoder takes
one after the other; how many times PIL's images that is in the same time; and how many grey levels
the result lies away, on average, from all pixels decoded and resized as Sightline does. Then a
process a core: images a second per core, in wall time, of batches sent and arrays received.
At most 300 JPEGs of each set. Figures: docs/data.md.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.data import image_files
from sightline.data.form import Form
from sightline.data.formats import archives

SETS = {
    "224 x 224, Imagenette subset": "imagenet/imagenette2-224-subset.tgz",
    "original sizes, 15 samples": "imagenet/imagenet-fullsize-15-samples.tar",
}
SIZES = (64, 160, 224)
TURNS = 7
SHARED = 6000  # images that all cores share; starting the processes is part of their time
Decoder = Callable[[bytes, int], np.ndarray]


def sightline(data: bytes, size: int) -> np.ndarray:
    """What preprocess and predict do."""
    return image_files.read(data, size, 3)


def pil(data: bytes, size: int) -> np.ndarray:
    """Resize the shorter side, then crop at whole pixels, as torchvision's transforms do on PIL."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    scale = size / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))


def every_pixel(data: bytes, size: int) -> np.ndarray:
    """Sightline's resize of every pixel of the file: what the others are compared with."""
    with Image.open(io.BytesIO(data)) as image:
        return image_files.fit(image, Form(size, 3, size))


def half_as_bold(data: bytes, size: int) -> np.ndarray:
    """Sightline's, but never decoding fewer than twice the pixels that are wanted."""
    with Image.open(io.BytesIO(data)) as image:
        drafted = image.draft("RGB", (2 * size, 2 * size))
        return image_files.fit(image, Form(size, 3, size), drafted[1][2:])


def torchvision(data: bytes, size: int) -> np.ndarray:
    """Decode and resize as tensors."""
    import torch
    import torchvision.transforms.v2.functional as functional
    from torchvision.io import ImageReadMode, decode_image

    encoded = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    image = decode_image(encoded, mode=ImageReadMode.RGB, apply_exif_orientation=True)
    image = functional.resize(image, [size], antialias=True)
    return functional.center_crop(image, [size, size]).permute(1, 2, 0).numpy()


DECODERS = (pil, sightline, every_pixel, half_as_bold, torchvision)


def in_turns(data: list[bytes], size: int) -> dict[Decoder, tuple[float, np.ndarray]]:
    """Return each decoder's least CPU milliseconds an image of all turns, and its images."""
    best, images = dict.fromkeys(DECODERS, float("inf")), {}
    for _ in range(TURNS):
        for decode in DECODERS:
            start = time.process_time()
            images[decode] = [decode(one, size) for one in data]
            best[decode] = min(best[decode], time.process_time() - start)
    return {
        decode: (1000 * best[decode] / len(data), np.stack(images[decode]).astype(int))
        for decode in DECODERS
    }


def all_of(decode: Decoder, size: int, batch: Iterable[bytes]) -> list[np.ndarray]:
    """What a process of the pool does with a batch."""
    return [decode(one, size) for one in batch]


def on_all_cores(decode: Decoder, data: list[bytes], size: int, cores: int) -> float:
    """Return images a second per core; a decoder is started and warmed up like every other."""
    many = (data * (SHARED // len(data) + 1))[:SHARED]
    batches = [many[start : start + 64] for start in range(0, SHARED, 64)]
    begun = time.perf_counter()
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        for _ in pool.map(partial(all_of, decode, size), batches):
            pass
    return SHARED / (time.perf_counter() - begun) / cores


def main(mirror: Path) -> None:
    """Print a line per set and size, and one more for all cores."""
    cores = len(os.sched_getaffinity(0))
    for name, path in SETS.items():
        members = archives.files(mirror / path)
        data = [m.read() for m in members if m.name.lower().endswith((".jpeg", ".jpg"))][:300]
        for size in SIZES:
            measured = in_turns(data, size)
            theirs, wanted = measured[pil][0], measured[every_pixel][1]
            row = [
                f"{decode.__name__} {took:.2f} ({theirs / took:.2f} x PIL, "
                f"{np.abs(image - wanted).mean():.2f} levels)"
                for decode, (took, image) in measured.items()
            ]
            print(f"{name}, to {size}: {'; '.join(row)}", flush=True)
            theirs, ours = (on_all_cores(d, data, size, cores) for d in (pil, sightline))
            print(
                f"  {cores} processes: sightline {ours:.0f} images a second per core, "
                f"pil {theirs:.0f}: {ours / theirs:.2f} x PIL",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
