"""One split of a drawn dataset."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """The images of one split, uint8: one array N x H x W (x 3), or a list where sizes vary."""

    images: np.ndarray | Sequence[np.ndarray]
    labels: np.ndarray

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of all pixels, image after image, and of the labels as uint8."""
        pixels = hashlib.sha256()
        for image in self.images:
            pixels.update(image.tobytes())
        labels = hashlib.sha256(self.labels.tobytes())
        return {"images": pixels.hexdigest(), "labels": labels.hexdigest()}
