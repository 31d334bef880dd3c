"""The arguments of every command of `sightline`."""

import argparse
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import FunctionType

_NAMES = {
    "download": "a dataset in params.yaml",
    "preprocess": "a dataset in params.yaml",
    "weights": "weights in params.yaml",
    "train": "a model in params.yaml",
    "evaluate": "a model in params.yaml",
    "insight": "a model in params.yaml",
    "export": "a model in params.yaml",
}


def parser(commands: Iterable[FunctionType]) -> argparse.ArgumentParser:
    """Return the parser of the whole command line: a command for each function, by its name."""
    root = argparse.ArgumentParser(
        prog="sightline",
        description="Teach convolutional and recurrent networks to see, reproducibly.",
    )
    subparsers = root.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        name, summary = command.__name__, (command.__doc__ or "").split("\n")[0]
        sub = subparsers.add_parser(name, help=summary, description=summary)
        sub.set_defaults(run=command)
        if name in _NAMES:
            sub.add_argument("name", help=_NAMES[name])
        elif name in _ADD:
            _ADD[name](sub)
    return root


def _log(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", nargs="?", help="a model in params.yaml; all where it is left out")


def _repro(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("targets", nargs="*", help="stages (train@mnist-lstm) or kinds (export)")
    sub.add_argument("-j", "--jobs", type=_jobs, help="stages at once; a core each by default")
    sub.add_argument("-f", "--force", action="store_true", help="run them even if unchanged")
    sub.add_argument(
        "--no-fork", action="store_true", help="start each stage as a program of its own"
    )


def _predict(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model", help="the ONNX file")
    sub.add_argument("images", nargs="+", help="image files of any size and kind")
    sub.add_argument("--top", type=_top, default=1, help="classes to print for each image")
    sub.add_argument(
        "--invert",
        choices=("auto", "yes", "no"),
        default="auto",
        help="turn light into dark: auto does so for a light border, if the model wants a dark one",
    )


def _serve(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "models", nargs="+", metavar="MODEL", help="a name in params.yaml, a folder, an ONNX file"
    )
    sub.add_argument("--host", default="127.0.0.1", help="127.0.0.1 where it is left out")
    sub.add_argument("--port", type=int, default=8000, help="8000; 0 takes a free one")
    sub.add_argument("--threads", type=_count, default=1, help="of onnxruntime for one call; 1")
    sub.add_argument(
        "--queue", type=_count, default=64, help="requests at once; more are refused; 64"
    )
    sub.add_argument("--batch", type=_count, default=32, help="images in one call at most; 32")
    sub.add_argument(
        "--wait-ms", type=_milliseconds, default=2, help="for images that are being read; 2"
    )


def _publish(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model", help="a model in params.yaml")
    sub.add_argument("folder", help="is made; an earlier publish there is replaced")
    sub.add_argument("--license", default="other", help="of the weights: apache-2.0, mit, ..")
    sub.add_argument("--key", type=Path, help="sign the folder with this private key (PEM)")


def _verify(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", help="what `sightline publish` wrote")
    sub.add_argument("--key", type=Path, help="check the signature by this public key (PEM)")


def _benchmark(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("names", nargs="*", help="models in params.yaml")
    sub.add_argument("--force", action="store_true", help="measure again what has a record")
    sub.add_argument("--profile", action="store_true", help="only the dearest nodes of each file")


def _validate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--fix", action="store_true", help="write the lines that dvc.yaml lacks")


def _compare(sub: argparse.ArgumentParser) -> None:
    which = sub.add_mutually_exclusive_group()
    which.add_argument(
        "--experiments", action="store_true", help="DVC's of this commit: what each changed"
    )
    which.add_argument("--runs", action="store_true", help="MLflow's, beside the workspace's")


def _ui(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--port", type=int, default=5000, help="5000 where it is left out")


def _clone(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", help="the clone, below .sightline/clones; made where it is missing")


def _add(sub: argparse.ArgumentParser) -> None:
    kinds = sub.add_subparsers(required=True, dest="add", metavar="dataset|model")
    dataset = kinds.add_parser("dataset", help="a folder of images with a subfolder for each class")
    dataset.add_argument("name", help="small letters, digits and hyphens")
    dataset.add_argument("source", help="a folder, a tar, a zip, or the https URL of one")
    dataset.add_argument("--size", type=int, default=64, help="pixels of the squares; 64")
    dataset.add_argument("--channels", type=int, default=3, help="3 for colours, 1 for grey; 3")
    dataset.add_argument(
        "--broken-images", choices=("stop", "skip"), default="stop", help="leave them out: skip"
    )
    dataset.add_argument("--note", help="a line that says what the data is")
    dataset.add_argument("--terms", default="ours", help="the terms of use")
    model = kinds.add_parser("model", help="a network that is trained on a dataset")
    model.add_argument("name", help="small letters, digits and hyphens")
    model.add_argument("--dataset", required=True, help="a dataset in params.yaml")
    model.add_argument("--network", help="cnn, resnet, mlp, lstm, ..; else that of --start")
    model.add_argument("--task", help="what it is asked for; a class where it is left out")
    model.add_argument("--recipe", help="one made for the number of images where it is left out")
    model.add_argument("--start", default="random", help="a model or weights to begin with")


def _remove(sub: argparse.ArgumentParser) -> None:
    which = sub.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", help="a model or a dataset in params.yaml")
    which.add_argument("--demo", action="store_true", help="all drawn datasets and their models")


def _jobs(text: str) -> int:
    """Return the number of stages at once; an error of argparse for what is none."""
    from sightline.host.processors import cores

    if not text.isdecimal() or not 1 <= int(text) <= cores():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of stages from 1 to {cores()}, the cores of this machine"
        )
    return int(text)


def _top(text: str) -> int:
    """Return the number of classes to print; an error of argparse for what is none."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of classes, 1 or more")
    return int(text)


def _count(text: str) -> int:
    """Return a number from 1 on; an error of argparse for what is none."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number, 1 or more")
    return int(text)


def _milliseconds(text: str) -> float:
    """Return milliseconds from 0 to 1000; an error of argparse for what are none."""
    with suppress(ValueError):
        if 0 <= (value := float(text)) <= 1000:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} are no milliseconds, 0 to 1000")


_ADD = {
    "log": _log,
    "repro": _repro,
    "predict": _predict,
    "serve": _serve,
    "publish": _publish,
    "verify": _verify,
    "benchmark": _benchmark,
    "compare": _compare,
    "validate": _validate,
    "ui": _ui,
    "clone": _clone,
    "add": _add,
    "remove": _remove,
}
