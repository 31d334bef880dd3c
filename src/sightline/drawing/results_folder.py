"""The folders in which evaluate and insight leave tables and pictures of one model."""

import csv
import io
import shutil
from collections.abc import Iterable
from typing import Any

from PIL import Image

from sightline.files import write_atomically
from sightline.layout import Drawn


class ResultsFolder:
    """The folders `tables` and `pictures` of one model's results, empty at first.

    `title` says what a picture is of: the model, its data, and whether that is real; `source`
    is the same without the split.
    """

    def __init__(self, files: Drawn, name: str, meta: dict[str, Any]):
        self.files = files
        self.classes = meta["classes"]
        real = "" if meta["real"] else ", NOT real data"
        self.source = f"{name} on {meta['dataset']} ({meta['catalogue']}{real})"
        self.title = f"{self.source}, test split"
        # files of another task would be taken for this one's
        for part in (files.tables, files.pictures):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)

    def table(self, name: str, header: list[str], rows: Iterable[Iterable[object]]) -> None:
        """Write a table."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        write_atomically(self.files.table(name), table.getvalue())

    def picture(self, name: str, picture: Image.Image | bytes) -> None:
        """Write a picture, from PIL's image or from PNG."""
        if isinstance(picture, Image.Image):
            content = io.BytesIO()
            picture.save(content, "png")
            picture = content.getvalue()
        write_atomically(self.files.picture(name), picture)
