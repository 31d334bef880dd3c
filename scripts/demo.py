"""One small model, trained, exported, and asked through onnxruntime: `make demo`.

Of the sample catalogue, drawn by Sightline itself, unless params.yaml names real data.
"""

import subprocess
import sys

import numpy as np
from PIL import Image

from sightline.layout import Layout

MODEL, DATASET, IMAGES = "mnist-cnn", "mnist", 5


def main() -> int:
    """Run the stages that the model needs, then ask it for images that it never saw."""
    layout = Layout()
    stages = [f"{kind}@{MODEL}" for kind in ("export", "insight")]
    if status := subprocess.call(["sightline", "repro", *stages]):
        return status
    processed = layout.processed(DATASET)
    images, labels = np.load(processed.images("test")), np.load(processed.labels("test"))
    folder = layout.own_state.path / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(IMAGES):
        files.append(folder / f"{number}-is-{labels[number]}.png")
        Image.fromarray(images[number].squeeze()).save(files[-1])
    print(f"\n{layout.model(MODEL).onnx} on {IMAGES} test images, each named by what it is:")
    status = subprocess.call(["sightline", "predict", layout.model(MODEL).onnx, *files])
    print("\nWhat it sees (open one):")
    for picture in sorted(layout.results(MODEL).insight.pictures.iterdir()):
        print(f"  {picture.resolve().as_uri()}")
    print("\nAll sixteen models: make run. Your own images: docs/data.md.")
    return status


if __name__ == "__main__":
    sys.exit(main())
