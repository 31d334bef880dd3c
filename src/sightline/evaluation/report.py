"""Where an evaluation leaves its tables and pictures, and how it asks the model."""

import csv
import io
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sightline.files import write_atomically
from sightline.trained import TrainedModel

BATCH = 500


class Report:
    """The folders `tables` and `pictures` of one model's report, empty at first.

    `title` says what a picture is of: the model, its data, and that data which is not real is not;
    `source` the same of what is the model's own, whatever split it is shown.
    """

    def __init__(self, folder: Path, name: str, meta: dict):
        self.classes = meta["classes"]
        real = "" if meta["real"] else ", NOT real data"
        self.source = f"{name} on {meta['dataset']} ({meta['catalogue']}{real})"
        self.title = f"{self.source}, test split"
        self.tables, self.pictures = folder / "tables", folder / "pictures"
        for part in (self.tables, self.pictures):  # another task's files would be taken for its own
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)

    def table(self, name: str, header: list[str], rows: Iterable) -> None:
        """Write tables/NAME.csv."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        write_atomically(self.tables / f"{name}.csv", table.getvalue())

    def picture(self, name: str, picture: Image.Image | bytes) -> None:
        """Write pictures/NAME.png, from PIL's image or from PNG."""
        if isinstance(picture, Image.Image):
            content = io.BytesIO()
            picture.save(content, "png")
            picture = content.getvalue()
        write_atomically(self.pictures / f"{name}.png", picture)


@torch.inference_mode()
def answers(model: TrainedModel, images: np.ndarray) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    """Yield the model's outputs batch by batch, each with the place of its images."""
    for start in range(0, len(images), BATCH):
        part = slice(start, min(start + BATCH, len(images)))
        yield part, model(torch.from_numpy(np.array(images[part])))
