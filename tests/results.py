"""Results of trained models as the stages leave them, with their dvc.lock, for tests."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from sightline.layout import Layout, ResultFiles
from sightline.models import timing
from sightline.tracking.locked_results import dvc_md5

CLASSES = ["0", "1", "2"]


def make_results(
    root: Path,
    name: str = "mnist-cnn",
    *,
    val_top1: float | None = 0.9,
    data_md5: str = "d" * 32,
    catalogue: str = "sample",
    epochs: int = 3,
    seconds: float = 12.5,
) -> Layout:
    """Leave one model's files and its entries in dvc.lock; other models stay as they are."""
    layout, network = Layout(root), name.rsplit("-", 1)[1]
    trained, model, results = layout.trained(name), layout.model(name), layout.results(name)
    for folder in (trained, model, results):
        folder.path.mkdir(parents=True, exist_ok=True)
    trained.weights.write_bytes(f"{name} {val_top1}".encode())
    _write_model_json(trained.description, name, network, catalogue, val_top1)
    _write_epochs(trained.epochs, val_top1, epochs)
    _write_timing(layout, name, seconds)
    _write_onnx(model.onnx, val_top1 or 0.5)
    model.card.write_text(f"# {name}\n")
    model.export.write_text(json.dumps({"opset": 18}))
    _write_results(results, catalogue, val_top1)
    write_lock(layout, name, data_md5)
    return layout


def write_lock(layout: Layout, name: str, data_md5: str = "d" * 32, dataset: str = "mnist") -> None:
    """Write the entries of all stages but log, as dvc does, for the files there are."""
    results = f"reports/{name}"
    data = {"path": f"data/processed/{dataset}", "hash": "md5", "md5": f"{data_md5}.dir"}
    trained = [_folder(layout, f"trained/{name}")]
    compute = {"device": "auto", "dtype": "auto", "threads": 2, "processes": 1}
    lock = {"schema": "2.0", "stages": {}}
    if layout.lock.exists():
        lock = yaml.safe_load(layout.lock.read_text())
    lock["stages"] |= {
        f"train@{name}": {
            "cmd": f"sightline train {name}",
            "deps": [data],
            "params": {"params.yaml": {"compute": compute}},
            "outs": trained,
        },
        f"evaluate@{name}": {
            "cmd": f"sightline evaluate {name}",
            "deps": [data, *trained],
            "outs": [
                _file(layout, f"{results}/metrics.json"),
                *(_folder(layout, f"{results}/{part}") for part in ("pictures", "tables")),
            ],
        },
        f"insight@{name}": {
            "cmd": f"sightline insight {name}",
            "deps": [data, *trained, _folder(layout, f"{results}/tables")],
            "outs": [
                _folder(layout, f"{results}/insight/{part}") for part in ("pictures", "tables")
            ],
        },
        f"export@{name}": {
            "cmd": f"sightline export {name}",
            "deps": [data, *trained, _folder(layout, f"{results}/tables")],
            "outs": [_folder(layout, f"models/{name}")],
        },
    }
    plain = json.loads(json.dumps(lock))  # dvc.lock has no YAML anchors
    layout.lock.write_text(yaml.safe_dump(plain))


def _file(layout: Layout, path: str) -> dict:
    content = (layout.root / path).read_bytes()
    return {
        "path": path,
        "hash": "md5",
        "md5": hashlib.md5(content).hexdigest(),
        "size": len(content),
    }


def _folder(layout: Layout, path: str) -> dict:
    return {"path": path, "hash": "md5", "md5": dvc_md5(layout.root / path)}


def _write_model_json(path: Path, name, network, catalogue, val_top1) -> None:
    val_size = 0.1 if val_top1 is not None else 0.0
    description = {
        "name": name,
        "network": network,
        "task": "classify",
        "recipe": {
            "name": f"{network}-3",
            "epochs": 3,
            "batch_size": 128,
            "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
            "schedule": {"name": "one-cycle", "warmup": 0.25},
            "augment": {"translate": 2, "flip": "none", "cutout": 0},
            "label_smoothing": 0.0,
            "clip_norm": 0.0,
            "ema": 0.0,
            "network": {"widths": [16, 32]} if network == "cnn" else {"hidden_size": 128},
        },
        "seed": 0,
        "threads": 2,
        "shape": [4, 4, 1],
        "outputs": len(CLASSES),
        "parameters": 48,
        "data": {
            "dataset": "mnist",
            "catalogue": catalogue,
            "real": catalogue != "sample",
            "note": "digits drawn by Sightline itself",
            "terms": "none",
            "classes": CLASSES,
            "height": 4,
            "width": 4,
            "channels": 1,
            "counts": {"train": 54, "val": 6 if val_size else 0, "test": 12},
            "val_size": val_size,
            "seed": 0,
        },
    }
    path.write_text(json.dumps(description))


def _write_onnx(path: Path, bias: float) -> None:
    """Write a linear classifier of 4x4 grey images, with the inputs and outputs of the contract."""
    weight = np.linspace(-1, 1, 48, dtype=np.float32).reshape(16, 3)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ],
        "linear",
        [
            helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 4, 4, 1]),
            helper.make_tensor_value_info("bias", TensorProto.FLOAT, [3]),  # overridable
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3])
            for name in ("logits", "probabilities")
        ],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.full(3, bias, np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    image = {"height": 4, "width": 4, "channels": 1, "polarity": "light-on-dark"}
    texts = {"task": "classify", "classes": json.dumps(CLASSES), "image": json.dumps(image)}
    helper.set_model_props(model, texts)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _write_results(results: ResultFiles, catalogue, val_top1) -> None:
    figures = {"top1": 0.8, "top5": 1.0, "loss": 0.5, "ece": 0.02}
    metrics = {"catalogue": catalogue, "task": "classify", "parameters": 48, "flops": 96}
    if val_top1 is not None:
        metrics["val"] = figures | {"top1": val_top1}
    metrics["test"] = figures
    few = {split: {"top1": metrics[split]["top1"]} for split in ("val", "test") if split in metrics}
    results.metrics.write_text(json.dumps(few))
    pairs = [(CLASSES[i % 3], CLASSES[(i + (i % 4 == 0)) % 3]) for i in range(12)]
    for drawn in (results, results.insight):
        drawn.tables.mkdir(parents=True, exist_ok=True)
        drawn.pictures.mkdir(parents=True, exist_ok=True)
    results.figures.write_text(json.dumps(metrics))
    _write_csv(results.table("confusion"), ["actual", "predicted"], pairs)
    header = ["class", "precision", "recall", "count"]
    _write_csv(results.table("per_class"), header, [(name, 0.8, 0.8, 4) for name in CLASSES])
    for name in ("confusion", "wrongest"):
        Image.new("RGB", (8, 8), "gray").save(results.picture(name))
    Image.new("RGB", (8, 8), "green").save(results.insight.picture("occlusion"))
    header = ["actual", "predicted", "count", "of"]
    _write_csv(results.insight.table("confused"), header, [("0", "1", 1, 4)])


def _write_timing(layout: Layout, name: str, seconds: float) -> None:
    took = {
        "seconds": seconds,
        "steps": 9,
        "steps_executed": 9,
        "images_per_second": 1234.5,
        "device": "cpu",
        "processor": "a CPU",
        "dtype": "float32",
        "threads": 2,
        "platform": "Linux x86_64",
        "torch": "2.14.1",
    }
    timing.keep(layout, name, took)


def _write_epochs(path: Path, val_top1, epochs: int) -> None:
    val = val_top1 is not None
    header = ["epoch", "step", "learning_rate", "train_loss", "train_top1", "val_loss", "val_top1"]
    rows = [
        [e, 3 * e, 0.1 / e, 1 / e, 1 - 1 / (e + 1), 1 / e if val else "", 0.5 if val else ""]
        for e in range(1, epochs + 1)
    ]
    _write_csv(path, header, rows)


def _write_csv(path: Path, header: list, rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
