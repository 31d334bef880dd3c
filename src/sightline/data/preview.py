"""What `download` and `preprocess` would make of a dataset, tried beside the workspace."""

import hashlib
import io
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.data.arrays import load_meta, load_split
from sightline.data.fetch import download
from sightline.data.formats.decode import decode
from sightline.data.image_files import FORMATS
from sightline.data.preprocess import preprocess
from sightline.data.source import read
from sightline.data.transfer import PATIENT
from sightline.errors import SightlineError, TryAgain, one_line
from sightline.files import disk_errors
from sightline.layout import SPLITS, Layout
from sightline.settings.params import Dataset


@contextmanager
def beside(layout: Layout) -> Iterator[Layout]:
    """Yield an empty project on the same disk, which is removed again."""
    folder = layout.own_state.path
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="add-") as path:
            yield Layout(path)


def has_test(project: Layout, catalogue: Path, name: str) -> bool:
    """Fetch a dataset into `project`; whether it has a test split of its own."""
    raw = project.raw(name)
    download(catalogue, raw, project.state.downloads)
    return "test" in decode(*read(raw)).labels


def counts(project: Layout, name: str, settings: Dataset) -> dict[str, dict[str, int]]:
    """Preprocess what was fetched into `project`; return the images by class and split.

    Raises what `preprocess` raises, and logs what it logs: what was left out, and why.
    """
    files = project.processed(name)
    preprocess(project.raw(name), files, settings)
    classes = load_meta(files)["classes"]
    labels = {split: np.load(files.labels(split)) for split in SPLITS}
    return {
        class_: {split: int((labels[split] == index).sum()) for split in SPLITS}
        for index, class_ in enumerate(classes)
    }


def sizes(project: Layout, name: str) -> list[tuple[int, int]]:
    """Return width and height, in pixels, of each whole image of what was fetched.

    As its file says them: a photograph that lies on its side is as wide as it lies.
    """
    each = []
    for item in decode(*read(project.raw(name))).items():
        # PIL's readers raise whatever they stumble over; `preprocess` names what is broken
        with warnings.catch_warnings(), suppress(Exception):
            warnings.simplefilter("ignore")  # many pixels are no mistake
            with Image.open(io.BytesIO(bytes(item.image)), formats=FORMATS) as image:
                each.append(image.size)
    return each


def some_of_each(
    project: Layout, name: str, images: int, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return up to so many train images of each of the first classes, uint8 N x H x W x C, and
    their labels, from what `counts` has preprocessed; evenly spread over the split.
    """
    arrays, labels = load_split(project.processed(name), "train")
    rows = []
    for label in range(min(classes, labels.max() + 1)):
        of_class = np.flatnonzero(labels == label)
        rows += list(
            of_class[np.linspace(0, len(of_class) - 1, min(images, len(of_class))).astype(int)]
        )
    return arrays[rows], labels[rows]


def sha256(url: str) -> str:
    """Return the digest of what a server sends under a URL."""
    import requests  # takes a second

    digest = hashlib.sha256()
    try:
        with requests.get(url, stream=True, timeout=PATIENT.timeout) as response:
            if not response.ok:
                raise SightlineError(f"{url}: status {response.status_code}: correct the URL")
            for piece in response.iter_content(1 << 20):
                digest.update(piece)
    except requests.RequestException as error:
        raise TryAgain(f"{url}: {one_line(error)[:200]}: try again") from None
    return digest.hexdigest()
