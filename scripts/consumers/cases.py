"""What every consumer is asked, and what the right answers are.

A folder for each model: the exported files, the inputs as raw bytes, `cases.json` that any language
reads, and `expected.npz`, the answers of this project's own session.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sightline.errors import SightlineError
from sightline.inference.session import Session
from sightline.layout import Layout, file_with_lengths

BATCHES = (1, 2, 257)  # as at export: one, few, more than any example and no power of two
FEW = 2  # images of a case whose point is the height


def exported_models(layout: Layout) -> list[str]:
    """Return the names of all models that are exported here, in the order of their names."""
    folder = layout.model("any").path.parent
    return sorted(path.name for path in folder.glob("*") if layout.model(path.name).onnx.is_file())


def write_cases(name: str, layout: Layout, folder: Path) -> None:
    """Write the cases of one model: all shapes that docs/onnx.md promises, real images in them.

    Raises SightlineError where the model is not exported, or has no test split to ask it with.
    """
    onnx = layout.model(name).onnx
    if not onnx.is_file():
        raise SightlineError(f"{onnx}: no such file: run `sightline repro export@{name}`")
    session = Session(onnx, threads=1)
    path = layout.processed(session.metadata["dataset"]).images("test")
    if not path.is_file():
        raise SightlineError(f"{path}: no such file: run `sightline repro evaluate@{name}`")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in filter(None, (onnx, file_with_lengths(onnx))):
        shutil.copyfile(file, folder / file.name)
    cases, expected = [], {}
    for case, images, lengths in _inputs(session, np.load(path, mmap_mode="r")):
        number = len(cases)
        arrays = {"images": images} | ({} if lengths is None else {"lengths": lengths})
        file = onnx if lengths is None else session.lengths_path
        cases.append(
            {
                "name": case,
                "file": file.name,
                "inputs": {
                    key: _write(array, folder, f"{number}-{key}.bin")
                    for key, array in arrays.items()
                },
                "outputs": list(session.outputs),
            }
        )
        for output, values in session.run(images, lengths).items():
            expected[f"{case}/{output}"] = values
    (folder / "cases.json").write_text(json.dumps(cases, indent=1))
    np.savez(folder / "expected.npz", **expected)


def _inputs(
    session: Session, test: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Yield for each case its name, its images and, where the case has them, its lengths."""
    image = session.metadata["image"]
    height, width = image["height"], image["width"]
    test = test[: max(BATCHES), :height, :width]
    for batch in BATCHES:
        images = np.resize(test, (batch, *test.shape[1:]))
        yield f"batch {batch}", images, None
        if session.lengths_path:
            yield f"batch {batch}, lengths", images, _lengths(session, batch, height)
    if isinstance(session.inputs["images"][1], str):
        for rows in (1, height // 2, 2 * height):
            images = np.concatenate([test, test], axis=1)[-FEW:, :rows]
            yield f"{rows} rows", np.ascontiguousarray(images), None
            if session.lengths_path:
                yield f"{rows} rows, lengths", images.copy(), _lengths(session, FEW, rows)


def _lengths(session: Session, batch: int, rows: int) -> np.ndarray:
    """Return a length for each image: from a step up to all, the last one -1, which means all."""
    recipe = session.metadata["recipe"]["network"]
    steps = (
        rows
        if recipe.get("sequence", "rows") == "rows"
        else rows * session.metadata["image"]["width"]
    )
    lengths = 1 + np.arange(batch, dtype=np.int64) * 5 % steps
    if batch > 1:
        lengths[-1] = -1
    return lengths


def _write(array: np.ndarray, folder: Path, name: str) -> dict:
    (folder / name).write_bytes(np.ascontiguousarray(array).tobytes())
    return {"type": array.dtype.name, "shape": list(array.shape), "bytes": name}
