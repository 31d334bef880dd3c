"""Photographs of all shapes, whose class is a colour, as a folder that `preprocess` reads."""

import io
import tarfile

import numpy as np
from PIL import Image

from sightline.data import source
from sightline.data.preprocess import preprocess
from sightline.layout import Layout
from sightline.settings.params import Dataset

SIZES = [(64, 48), (48, 64), (50, 50), (301, 90), (41, 200), (33, 32)]  # width x height


def photograph(width: int, height: int, seed: int = 0, red: int = 128, **options) -> bytes:
    """Return a smooth JPEG, drawn by seed, whose red is about so much."""
    rng = np.random.RandomState(seed)
    pixels = rng.randint(0, 256, (height // 8 + 2, width // 8 + 2, 3)).astype(np.uint8)
    pixels[..., 0] = pixels[..., 0] // 4 + red - 32
    out = io.BytesIO()
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    image.save(out, "JPEG", quality=95, **options)
    return out.getvalue()


def photographs(count: int = 24) -> dict[str, bytes]:
    """Return files of two classes, so many in train and as many in test, by name."""
    return {
        f"{split}/c{n % 2}/{n}.jpg": photograph(*SIZES[n % len(SIZES)], n, red=70 + 120 * (n % 2))
        for split in ("train", "test")
        for n in range(count)
    }


def preprocessed(layout: Layout, settings: Dataset, count: int = 24) -> None:
    """Leave the arrays of the dataset `photographs`."""
    raw = layout.raw("photographs")
    raw.path.mkdir(parents=True)
    with tarfile.open(raw.path / "images.tar", "w") as tar:
        for name, data in photographs(count).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    about = {"dataset": "photographs", "catalogue": "test", "real": False, "note": "drawn"}
    about |= {"terms": "none", "polarity": None, "format": "folder", "classes": None}
    size = (raw.path / "images.tar").stat().st_size
    source.write(raw, about, [{"name": "images.tar", "size": size, "sha256": "", "role": "images"}])
    preprocess(raw, layout.processed("photographs"), settings)
