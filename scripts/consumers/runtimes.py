"""The runtimes that open an exported file, each in an environment of its own.

None of their packages is a dependency of Sightline: they come from the registries into one folder.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import browser
import served
from process import OWN, Missing, run

HERE = Path(__file__).parent
PATIENCE = 900  # seconds for all cases of one model
WHEELS = ("--only-binary", ":all:")  # nothing is compiled

Ask = Callable[[Path, Path], None]  # a model's folder of cases, the file for its answers


@dataclass(frozen=True)
class Runtime:
    """A runtime: its column's title, and what installs it and returns how it is asked.

    `prepare` gets the folder of all environments. It raises Missing where this machine lacks what
    the runtime needs.
    """

    title: str
    prepare: Callable[[Path], Ask]


def python(way: str, name: str, *packages: str) -> Callable[[Path], Ask]:
    """Return what makes an environment of Python with these packages, to be asked by ask.py."""

    def prepare(root: Path) -> Ask:
        interpreter = root / name / "bin" / "python"
        uv = shutil.which("uv", path=os.pathsep.join([OWN, os.environ["PATH"]]))
        if not uv:
            raise Missing("no uv: run `make env`")
        if not interpreter.exists():
            run([uv, "venv", "--quiet", "--python", sys.executable, str(root / name)], root)
        install = [uv, "pip", "install", "--quiet", "--upgrade", "--python", str(interpreter)]
        run([*install, *WHEELS, *packages], root)

        def ask(cases: Path, answers: Path) -> None:
            command = [str(interpreter), str(HERE / "ask.py"), way, str(cases), str(answers)]
            run(command, root, PATIENCE)

        return ask

    return prepare


def install_npm(root: Path) -> Path:
    """Install the JavaScript bindings, return their folder; the programs that ask lie beside them.

    Node and a browser look for a package from the program's own folder upwards.
    """
    folder = root / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("answer.mjs", "ask.mjs", "page.html"):
        shutil.copyfile(HERE / name, folder / name)
    if not shutil.which("npm"):
        raise Missing("no npm on this machine")
    # --ignore-scripts: onnxruntime-node would fetch libraries of CUDA from elsewhere
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--silent"]
    packages = ["onnxruntime-node@latest", "onnxruntime-web@latest"]
    run(["npm", "install", *quiet, "--prefix", str(folder), *packages], folder)
    return folder


def node(package: str) -> Callable[[Path], Ask]:
    """Return what installs a binding for Node, to be asked by ask.mjs."""

    def prepare(root: Path) -> Ask:
        if not shutil.which("node"):
            raise Missing("no Node on this machine")
        folder = install_npm(root)

        def ask(cases: Path, answers: Path) -> None:
            program = ["node", str(folder / "ask.mjs"), package]
            run([*program, str(cases), str(answers)], folder, PATIENCE)

        return ask

    return prepare


def chromium(provider: str) -> Callable[[Path], Ask]:
    """Return what opens page.html in a headless Chromium."""

    def prepare(root: Path) -> Ask:
        program = browser.find()
        folder = install_npm(root)

        def ask(cases: Path, answers: Path) -> None:
            browser.ask(program, folder, provider, cases, answers, PATIENCE)

        return ask

    return prepare


def own(ask: Ask) -> Callable[[Path], Ask]:
    """Return what needs no environment: MLflow is in the one of this project."""
    return lambda root: ask


OPENCV = "opencv-python-headless"
RUNTIMES = {
    "onnxruntime-oldest": Runtime(
        "onnxruntime, oldest",
        # the oldest one has no numpy 2
        python(
            "onnxruntime",
            "onnxruntime-oldest",
            "--resolution",
            "lowest-direct",
            "onnxruntime",
            "numpy>=1.24,<2",
        ),
    ),
    "onnxruntime": Runtime(
        "onnxruntime, newest", python("onnxruntime", "onnxruntime", "onnxruntime")
    ),
    "onnxruntime-node": Runtime("onnxruntime-node", node("onnxruntime-node")),
    "onnxruntime-web-node": Runtime("onnxruntime-web in Node", node("onnxruntime-web")),
    "chromium-wasm": Runtime("onnxruntime-web in Chromium, wasm", chromium("wasm")),
    "chromium-webgpu": Runtime("onnxruntime-web in Chromium, WebGPU", chromium("webgpu")),
    "openvino": Runtime("OpenVINO", python("openvino", "openvino", "openvino")),
    "opencv-4": Runtime(
        "OpenCV 4", python("opencv", "opencv-4", f"{OPENCV}<5", "onnx", "onnxslim")
    ),
    "opencv-4-fixed": Runtime(
        "OpenCV 4, onnxslim", python("opencv-fixed", "opencv-4", f"{OPENCV}<5", "onnx", "onnxslim")
    ),
    "opencv-5": Runtime("OpenCV 5", python("opencv", "opencv-5", f"{OPENCV}>=5")),
    "reference": Runtime("onnx's reference", python("reference", "reference", "onnx")),
    "tract": Runtime("tract", python("tract", "tract", "tract", "numpy")),
    "mlflow-pyfunc": Runtime("MLflow pyfunc", own(served.ask_pyfunc)),
    "mlflow-serve": Runtime("MLflow serve, curl", own(served.ask_by_curl)),
}
