"""For whoever changes the drawing: `python -m sightline.sample pin|sheet`.

python -m sightline.sample pin data/catalogues/sample.yaml
python -m sightline.sample sheet data/catalogues/sample.yaml docs/pictures
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from sightline.sample import DATASETS, SPLITS, drawn
from sightline.settings import catalogue as catalogues


def pin(catalogue: Path) -> None:
    """Put the digests of what is drawn now in the place of those that the catalogue holds."""
    text = catalogue.read_text(encoding="utf-8")
    for dataset, entry in catalogues.load(catalogue).items():
        settings = entry["draw"]
        for split in SPLITS:
            content = drawn(dataset, split, settings[split], settings["seed"])
            for part, digest in content.digests().items():
                text = text.replace(settings["sha256"][f"{split}-{part}"], digest)
        print(f"{dataset}: pinned")
    catalogue.write_text(text, encoding="utf-8")


def sheet(catalogue: Path, folder: Path) -> None:
    """Draw a contact sheet of each dataset, a row a class, and one of all, a row a dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for dataset, entry in catalogues.load(catalogue).items():
        classes = DATASETS[dataset]
        content = drawn(dataset, "train", classes * 12, entry["draw"]["seed"])
        places = np.argsort(content.labels, kind="stable")
        wide = 12
        if classes == 100:  # one image a class, five rows
            places, wide = places[::wide], 20
        _page([content.images[i] for i in places], wide).save(folder / f"sample-{dataset}.png")
        rows += [*content.images[:12]]
    _page(rows, 12).save(folder / "sample.png")


def _page(images: list[np.ndarray], wide: int) -> Image.Image:
    """Return the images side by side, `wide` in a row, each in a cell of 64 pixels."""
    page = Image.new("RGB", (wide * 66, -(-len(images) // wide) * 66), "white")
    for place, array in enumerate(images):
        image = Image.fromarray(array)
        if max(image.size) <= 32:
            image = image.resize((64, 64), Image.Resampling.NEAREST)
        image.thumbnail((64, 64))
        page.paste(image, (place % wide * 66, place // wide * 66))
    return page.quantize(256)


def main() -> None:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="python -m sightline.sample", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for command in (pin, sheet):
        sub = commands.add_parser(command.__name__, help=command.__doc__)
        sub.add_argument("catalogue", type=Path)
        if command is sheet:
            sub.add_argument("folder", type=Path)
        sub.set_defaults(run=command)
    args = vars(parser.parse_args())
    args.pop("run")(**args)


if __name__ == "__main__":
    main()
