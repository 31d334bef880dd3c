"""How many bytes the arrays of a dataset take, before any of them is written."""

import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sightline.data.form import form_of
from sightline.errors import SightlineError
from sightline.settings.params import Dataset

_OTHER_SIZES = (
    224,
    192,
    160,
    128,
    96,
    64,
    32,
)  # pixels, in the line about a disk that is too small


def bytes_of(settings: Dataset, counts: Mapping[str, int]) -> int:
    """Return the bytes of the images of a dataset with so many images in each split."""
    forms = {split: form_of(settings, split) for split in counts}
    return sum(counts[split] * math.prod(form[:3]) for split, form in forms.items())


def refuse_too_large(name: str, settings: Dataset, counts: Mapping[str, int], folder: Path) -> None:
    """Raise SightlineError where the disk of `folder` has no room for the arrays of a dataset."""
    free, needed = shutil.disk_usage(folder).free, bytes_of(settings, counts)
    if needed <= free:
        return
    sizes = [size for size in _OTHER_SIZES if size < settings.image_size]
    smaller = {size: bytes_of(replace(settings, image_size=size), counts) for size in sizes}
    lines = ", ".join(f"{size}: {_gb(number)}" for size, number in smaller.items())
    raise SightlineError(
        f"{name}: its {sum(counts.values()):,} images take {_gb(needed)} at image_size "
        f"{settings.image_size}, and {folder} has {_gb(free)} free: make room"
        + (f", or lower datasets.{name}.image_size ({lines})" if lines else "")
    )


def _gb(number: int) -> str:
    return f"{number / 1e9:,.1f} GB"
