"""What a person sees of a dataset before it is added: how many images, how large, some of them."""

import io
from collections.abc import Mapping
from pathlib import Path

from sightline.data import preview
from sightline.drawing.sheets import COLUMNS, sheet
from sightline.files import write_atomically
from sightline.layout import SPLITS, Layout
from sightline.settings.params import Dataset

_MOST_CLASSES = 100  # on the sheet: of more, the first


def show(project: Layout, name: str, settings: Dataset, target: Path) -> None:
    """Preprocess what was fetched into `project`, and print classes, counts, splits and sizes, and
    the file:// link of a sheet, written to `target`, with a line of train images for each class.

    Raises what `preprocess` raises, and logs what it logs: what was left out, and why.
    """
    counts = preview.counts(project, name, settings)
    _print_counts(name, counts)
    print(f"  {_sizes(preview.sizes(project, name))}")
    images, labels = preview.some_of_each(project, name, COLUMNS, _MOST_CLASSES)
    classes = list(counts)
    picture = io.BytesIO()
    sheet(images, [(classes[label], "") for label in labels], "no images").save(picture, "png")
    write_atomically(target, picture.getvalue())
    shown = "each class" if len(classes) <= _MOST_CLASSES else f"the first {_MOST_CLASSES} classes"
    print(f"  {COLUMNS} images of {shown}, as a model sees them: {target.resolve().as_uri()}")


def _print_counts(name: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    width = max(map(len, (*counts, "in all")))
    total = {split: sum(images[split] for images in counts.values()) for split in SPLITS}
    print(f"{name}: {len(counts)} classes")
    print(f"  {'':{width}}" + "".join(f"{split:>9}" for split in SPLITS))
    for class_, images in (*counts.items(), ("in all", total)):
        print(f"  {class_:{width}}" + "".join(f"{images[split]:>9,}" for split in SPLITS))


def _sizes(sizes: list[tuple[int, int]]) -> str:
    """Return the spread of widths and heights, in pixels, in a line."""
    sizes = sorted(sizes, key=lambda size: size[0] * size[1])
    least, middle, most = (f"{w} x {h}" for w, h in (sizes[0], sizes[len(sizes) // 2], sizes[-1]))
    return f"width x height in pixels: smallest {least}, median {middle}, largest {most}"
