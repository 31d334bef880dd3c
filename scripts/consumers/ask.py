"""Ask one Python runtime for the answers of one model: runs in that runtime's own environment.

    python ask.py RUNTIME CASES ANSWERS

Needs numpy and the runtime, and nothing of Sightline. ANSWERS gets a line of JSON for each case as
soon as it is answered, so that a runtime that ends the process leaves what it had.
"""

import json
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

Feed = dict[str, np.ndarray]
Ask = Callable[[Feed, list[str]], list[np.ndarray]]


def onnxruntime(path: Path, feed: Feed) -> Ask:
    """Return a call of onnxruntime on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    return lambda feed, names: session.run(names, feed)


def openvino(path: Path, feed: Feed) -> Ask:
    """Return a call of OpenVINO on the processor, in float32 as the file has it."""
    import openvino

    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(path), "CPU", hint)

    def ask(feed: Feed, names: list[str]) -> list[np.ndarray]:
        outputs = model(feed)
        return [outputs[name] for name in names]

    return ask


def opencv(path: Path, feed: Feed) -> Ask:
    """Return a call of OpenCV's module dnn."""
    import cv2

    net = cv2.dnn.readNetFromONNX(str(path))

    def ask(feed: Feed, names: list[str]) -> list[np.ndarray]:
        for name, array in feed.items():
            net.setInput(array, name)
        return net.forward(names)

    return ask


def opencv_fixed(path: Path, feed: Feed) -> Ask:
    """Return a call of OpenCV on a file whose shapes onnxslim has fixed to those of the feed."""
    import onnx
    import onnxslim

    shapes = [f"{name}:{','.join(map(str, array.shape))}" for name, array in feed.items()]
    fixed = path.with_name("fixed.onnx")
    onnx.save(onnxslim.slim(onnx.load(str(path)), input_shapes=shapes), str(fixed))
    return opencv(fixed, feed)


def reference(path: Path, feed: Feed) -> Ask:
    """Return a call of onnx's own evaluator, which is written to be read and not to be fast."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    return lambda feed, names: evaluator.run(names, feed)


def tract(path: Path, feed: Feed) -> Ask:
    """Return a call of tract, which knows the outputs by their order alone."""
    import tract

    model = tract.onnx().load(str(path)).into_model().into_runnable()

    def ask(feed: Feed, names: list[str]) -> list[np.ndarray]:
        return [output.to_numpy() for output in model.run(list(feed.values()))]

    return ask


RUNTIMES = {  # how to ask, the package whose version counts
    "onnxruntime": (onnxruntime, "onnxruntime"),
    "openvino": (openvino, "openvino"),
    "opencv": (opencv, "opencv-python-headless"),
    "opencv-fixed": (opencv_fixed, "opencv-python-headless"),
    "reference": (reference, "onnx"),
    "tract": (tract, "tract"),
}


def main(runtime: str, cases: str, answers: str) -> None:
    """Answer every case of the folder `cases`; a refusal is an answer too."""
    warnings.simplefilter("ignore")
    opener, package = RUNTIMES[runtime]
    folder = Path(cases)
    with Path(answers).open("w", encoding="utf-8") as file:
        print(json.dumps({"version": version(package)}), file=file, flush=True)
        for case in json.loads((folder / "cases.json").read_text()):
            feed = {key: read(folder, tensor) for key, tensor in case["inputs"].items()}
            line = {"case": case["name"]}
            try:
                values = opener(folder / case["file"], feed)(feed, case["outputs"])
                line["outputs"] = {
                    name: {"shape": list(np.shape(array)), "data": np.ravel(array).tolist()}
                    for name, array in zip(case["outputs"], values, strict=True)
                }
            except Exception as error:  # each runtime has exceptions of its own
                line["refuses"] = f"{type(error).__name__}: {error}"
            print(json.dumps(line), file=file, flush=True)


def read(folder: Path, tensor: dict) -> np.ndarray:
    """Return one input of a case."""
    data = (folder / tensor["bytes"]).read_bytes()
    return np.frombuffer(data, tensor["type"]).reshape(tensor["shape"])


if __name__ == "__main__":
    main(*sys.argv[1:])
