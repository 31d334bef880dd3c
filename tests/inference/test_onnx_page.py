"""docs/onnx.md: its programs in other languages and its converters run, and answer as we do."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from support import PROJECT

from sightline.inference.session import Session

PAGE = (PROJECT / "docs" / "onnx.md").read_text(encoding="utf-8")
SIZE = 12  # of the toy's images, in place of 28
HOLD = "--only-binary", ":all:"
SILENT = "--no-audit", "--no-fund", "--no-update-notifier", "--silent"


def program(language: str, has: str) -> str:
    """Return the block of the page in this language that has these words, for the toy's images."""
    blocks = re.findall(f"```{language}\n(.*?)```", PAGE, re.DOTALL)
    (block,) = [block for block in blocks if has in block]
    block = re.sub(r"\b28\b", str(SIZE), block)
    return block.replace("14n", "7n")


def numbers(text: str) -> np.ndarray:
    return np.array([float(number) for number in re.findall(r"\d+\.\d+(?:e-?\d+)?", text)])


@pytest.fixture
def folder(layout, tmp_path) -> Path:
    """A folder with the LSTM and nothing else."""
    for path in layout.model("lstm").path.glob("*.onnx"):
        shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def black(layout) -> np.ndarray:
    """The probabilities of two black images, one after the other."""
    images = np.zeros((2, SIZE, SIZE, 1), np.uint8)
    return Session(layout.model("lstm").onnx).run(images)["probabilities"].ravel()


@pytest.fixture
def shorter(layout) -> np.ndarray:
    """The same where the first has seven rows."""
    images = np.zeros((2, SIZE, SIZE, 1), np.uint8)
    session = Session(layout.model("lstm").onnx)
    return session.run(images, [7, -1])["probabilities"].ravel()


def shell(folder: Path, command: str, *first: Path) -> str:
    """Run a command with programs of these folders before those of the machine."""
    own = str(Path(sys.executable).parent)  # not this environment's: nothing may be installed there
    path = [part for part in os.environ["PATH"].split(os.pathsep) if part != own]
    path = os.pathsep.join([*map(str, first), *path])
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env=environment | {"PATH": path, "ORT_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(folder: Path, *packages: str) -> Path:
    """Return the programs of a new environment of Python with these packages."""
    uv, programs = Path(sys.executable).with_name("uv"), folder / "env" / "bin"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder / "env"], check=True)
    install = [uv, "pip", "install", "-q", *HOLD, "--python", programs / "python"]
    subprocess.run([*install, *packages], check=True)
    return programs


@pytest.fixture
def npm(folder):
    """Return a call that installs packages for Node in the folder."""
    if not shutil.which("npm"):
        pytest.skip("no npm on this machine")

    def install(*packages: str) -> None:
        command = ["npm", "install", "--ignore-scripts", *SILENT, *packages]
        subprocess.run(command, cwd=folder, check=True)

    return install


def same_top1(folder: Path, other: str, layout, share: float) -> None:
    images = np.load(layout.processed("bars").images("test"))
    ours = Session(folder / "model.onnx").run(images)["logits"]
    theirs = Session(folder / other).run(images)["logits"]  # it still says what it is
    assert (ours.argmax(1) == theirs.argmax(1)).mean() >= share
    assert 0 < np.abs(ours - theirs).max() < 0.05 * np.abs(ours).max()


def test_fp16_answers_alike_at_half_the_size(folder, layout, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(program("python", "float16"), "docs/onnx.md", "exec"), {})
    same_top1(folder, "model-fp16.onnx", layout, 0.95)
    import onnx

    def weights(name: str) -> int:
        return sum(len(tensor.raw_data) for tensor in onnx.load(name).graph.initializer)

    assert weights("model-fp16.onnx") < 0.6 * weights("model.onnx")


def test_int8_answers_alike(folder, layout, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(program("python", "quantize_dynamic"), "docs/onnx.md", "exec"), {})
    same_top1(folder, "model-int8.onnx", layout, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize("package", ["onnxruntime-node", "onnxruntime-web"])
def test_node_answers_as_we_do(folder, npm, black, shorter, package):
    npm(package)
    code = program("javascript", "onnxruntime-node")
    (folder / "classify.mjs").write_text(code.replace("onnxruntime-node", package))
    first, second = re.findall(
        r"Float32Array\(6\) \[(.*?)\]", shell(folder, "node classify.mjs"), re.DOTALL
    )
    np.testing.assert_allclose(numbers(first), black, rtol=1e-4)
    np.testing.assert_allclose(numbers(second), shorter, rtol=1e-4)


@pytest.mark.slow
def test_a_browser_answers_as_we_do(folder, npm, black):
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if not chromium:
        pytest.skip("no Chromium on this machine")
    npm("onnxruntime-web")
    (folder / "index.html").write_text(program("html", "canvas"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [chromium, "--headless=new", "--no-sandbox", "--disable-dev-shm-usage"]
        command += [f"--user-data-dir={folder / 'profile'}", "--timeout=60000"]
        command += ["--virtual-time-budget=60000", "--dump-dom"]
        url = f"http://127.0.0.1:{server.server_port}/index.html"
        done = subprocess.run([*command, url], capture_output=True, text=True, timeout=120)
        server.shutdown()
    (answer,) = re.findall(r'<pre id="answer">(.*?)</pre>', done.stdout)
    np.testing.assert_allclose(numbers(answer), black[:3], rtol=1e-4)


@pytest.mark.slow
def test_cpp_answers_as_we_do(folder, black):
    if not shutil.which("g++"):
        pytest.skip("no g++ on this machine")
    programs = environment(folder, "openvino")
    (folder / "classify.cpp").write_text(program("cpp", "ov::Core"))
    build = program("sh", "g++").replace("pip install openvino\n", "")
    np.testing.assert_allclose(numbers(shell(folder, build, programs)), black, rtol=1e-4)


@pytest.mark.slow
def test_opencv_4_opens_the_form_with_fixed_shapes(folder, black):
    programs = environment(folder, "onnxslim", "opencv-python-headless<5")
    shell(folder, program("sh", "onnxslim"), programs)
    ask = f"""
import cv2, numpy, sys
net = cv2.dnn.readNetFromONNX(sys.argv[1])
net.setInput(numpy.zeros((2, {SIZE}, {SIZE}, 1), numpy.uint8), "images")
print(*(format(value, ".8f") for value in net.forward("probabilities").ravel()))
"""
    (folder / "ask.py").write_text(ask)
    answer = shell(folder, "python ask.py model-fixed.onnx", programs)
    np.testing.assert_allclose(numbers(answer), black, rtol=1e-4)
    assert "error" in shell(folder, "python ask.py model.onnx 2>&1 || true", programs)
