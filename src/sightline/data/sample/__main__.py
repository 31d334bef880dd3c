"""For whoever changes the drawing: `python -m sightline.data.sample pin|sheet`.

python -m sightline.data.sample pin data/catalogues/sample.yaml
python -m sightline.data.sample sheet data/catalogues/sample.yaml docs/pictures
"""

import argparse
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from sightline.data.sample import DATASETS, SPLITS, drawn


def pin(catalogue: Path) -> None:
    """Put the digests of what is drawn now in the place of those that the catalogue holds."""
    text = catalogue.read_text(encoding="utf-8")
    for dataset, entry in yaml.safe_load(text).items():
        settings = entry["draw"]
        for split in SPLITS:
            content = drawn(dataset, split, settings[split], settings["seed"])
            for part, digest in content.digests().items():
                text = text.replace(settings["sha256"][f"{split}-{part}"], digest)
        print(f"{dataset}: pinned")
    catalogue.write_text(text, encoding="utf-8")


def sheet(catalogue: Path, folder: Path) -> None:
    """Draw a contact sheet per dataset: a row a class (hundred classes: one image each)."""
    folder.mkdir(parents=True, exist_ok=True)
    for dataset, entry in yaml.safe_load(catalogue.read_text(encoding="utf-8")).items():
        classes, cell = DATASETS[dataset], 72 if dataset == "imagenet" else 32
        wide = 10 if classes == 100 else 12
        content = drawn(dataset, "train", classes * wide, entry["draw"]["seed"])
        page = Image.new("RGB", (wide * cell, 10 * cell), "white")
        places = np.argsort(content.labels, kind="stable")
        if classes == 100:
            places = places[::wide]
        for place, i in enumerate(places):
            image = Image.fromarray(content.images[i])
            image.thumbnail((cell - 2, cell - 2))
            page.paste(image, (place % wide * cell, place // wide * cell))
        page.quantize(128).save(folder / f"sample-{dataset}.png", optimize=True)
        print(folder / f"sample-{dataset}.png")


def main() -> None:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(prog="python -m sightline.data.sample", description=__doc__)
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
