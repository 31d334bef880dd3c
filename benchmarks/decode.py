"""CPU milliseconds an image, one thread: Sightline's decoder beside PIL's usual idiom and others.

    OMP_NUM_THREADS=1 python benchmarks/decode.py "$SIGHTLINE_MIRROR"

Best of five runs over at most 300 JPEGs of each kind; beside each figure, how many grey levels its
result lies away from Sightline's on average. Figures: docs/data.md.
"""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchvision.transforms.v2.functional as functional
from PIL import Image
from torchvision.io import ImageReadMode, decode_image

from sightline.data import archives, images

SETS = {
    "224 x 224, Imagenette subset": "imagenet/imagenette2-224-subset.tgz",
    "original sizes, 15 samples": "imagenet/imagenet-fullsize-15-samples.tar",
}


def sightline(data: bytes, size: int) -> np.ndarray:
    """What preprocess and predict do."""
    return images.read(data, size, 3)


def pil(data: bytes, size: int) -> np.ndarray:
    """Resize the shorter side, then crop at whole pixels, as torchvision's transforms do on PIL."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    scale = size / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))


def pil_draft(data: bytes, size: int) -> np.ndarray:
    """Let libjpeg decode at a fraction of the size."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (size, size))
        return images.fit(image, size, 3)


def torchvision(data: bytes, size: int) -> np.ndarray:
    """Decode and resize as tensors."""
    encoded = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    image = decode_image(encoded, mode=ImageReadMode.RGB, apply_exif_orientation=True)
    image = functional.resize(image, [size], antialias=True)
    return functional.center_crop(image, [size, size]).permute(1, 2, 0).numpy()


def measure(
    decode: Callable[[bytes, int], np.ndarray], data: list[bytes], size: int
) -> tuple[float, np.ndarray]:
    """Return the best milliseconds an image of five runs, and the images."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        found = [decode(one, size) for one in data]
        best = min(best, time.process_time() - start)
    return 1000 * best / len(data), np.stack(found).astype(int)


def main(mirror: Path) -> None:
    """Print a line per set and size."""
    torch.set_num_threads(1)
    for name, path in SETS.items():
        members = archives.files(mirror / path)
        data = [m.read() for m in members if m.name.lower().endswith((".jpeg", ".jpg"))][:300]
        for size in (64, 160):
            own, wanted = measure(sightline, data, size)
            row = [f"{name}, to {size}: sightline {own:.2f}"]
            for decode in (pil, pil_draft, torchvision):
                took, found = measure(decode, data, size)
                row.append(f"{decode.__name__} {took:.2f} ({np.abs(found - wanted).mean():.2f})")
            print("; ".join(row))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
