"""Stored train images in the form in which a model is asked: that of val and test."""

import numpy as np
from PIL import Image

from sightline.data import arrays
from sightline.data.form import Form
from sightline.data.image_files import fit
from sightline.layout import Processed


def train_images(files: Processed, count: int) -> np.ndarray:
    """Return train images, uint8 N x H x W x C, as val and test have theirs.

    All of them, memory-mapped, where they are stored so; else at most `count`, evenly spaced, made
    of what is stored.
    """
    images, _ = arrays.load_split(files, "train")
    meta, extents = arrays.load_meta(files), arrays.load_extents(files, "train")
    size, crop = meta["height"], meta["resize"].get("crop", 1.0)
    if extents is None and images.shape[1] == size and crop == 1:
        return images
    form = Form(size, meta["channels"], size, crop)
    if extents is None:
        extents = np.tile(images.shape[1:3], (len(images), 1))
    rows = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)
    upright = (arrays.upright(images[row], extents[row]) for row in rows)
    return np.stack(
        [
            fit(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image), form)
            for image in upright
        ]
    )
