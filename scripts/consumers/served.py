"""Ask MLflow: the model that the stage `log` writes, as pyfunc and behind `mlflow models serve`.

MLflow is in this project's own environment. It holds model.onnx alone: cases with `lengths` have no
place here.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ask import read
from process import Ended

from sightline.host.processes import end_tree
from sightline.layout import ModelFiles
from sightline.tracking.logged_model import save_arguments

START = 120  # seconds until the server answers


def ask_pyfunc(cases: Path, answers: Path) -> None:
    """Ask `mlflow.pyfunc.load_model(...).predict`."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        model = mlflow.pyfunc.load_model(str(_save(cases, Path(folder))))
        _answer(cases, answers, model.predict)


def ask_by_curl(cases: Path, answers: Path) -> None:
    """Ask a server of MLflow by curl, with JSON."""
    with tempfile.TemporaryDirectory() as folder:
        model = _save(cases, Path(folder))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        command = [sys.executable, "-m", "sightline.host.processes"]  # it dies with this process
        command += [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
        command += ["--model-uri", str(model), "--host", "127.0.0.1", "--port", port]
        quiet = subprocess.DEVNULL
        server = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(server, address)
            _answer(cases, answers, lambda feed: _curl(f"{address}/invocations", feed))
        finally:
            end_tree(server.pid)


def _save(cases: Path, folder: Path) -> Path:
    import mlflow.onnx as mlflow_onnx

    mlflow_onnx.save_model(path=str(folder / "model"), **save_arguments(ModelFiles(cases)))
    return folder / "model"


def _answer(cases: Path, answers: Path, predict) -> None:  # noqa: ANN001 a call, as ask.py has it
    with answers.open("w", encoding="utf-8") as file:
        print(json.dumps({"version": version("mlflow")}), file=file)
        for case in json.loads((cases / "cases.json").read_text()):
            if "lengths" in case["inputs"]:
                continue
            feed = {key: read(cases, tensor) for key, tensor in case["inputs"].items()}
            line = {"case": case["name"]}
            try:
                values = predict(feed)
                line["outputs"] = {
                    name: {"shape": np.shape(values[name]), "data": np.ravel(values[name]).tolist()}
                    for name in case["outputs"]
                }
            except Exception as error:  # MLflow lets through those of what it wraps
                line["refuses"] = f"{type(error).__name__}: {error}"
            print(json.dumps(line), file=file, flush=True)


def _curl(url: str, feed: dict[str, np.ndarray]) -> dict:
    body = json.dumps({"inputs": {name: array.tolist() for name, array in feed.items()}})
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--data", "@-"]
    command += ["--header", "Content-Type: application/json", url]
    done = subprocess.run(command, input=body, capture_output=True, text=True)
    if done.returncode != 0:
        raise ValueError(f"{done.stderr.strip()} {done.stdout}")
    return json.loads(done.stdout)["predictions"]


def _wait(server: subprocess.Popen, address: str) -> None:
    ping = ["curl", "--silent", "--fail", "--output", "/dev/null", f"{address}/ping"]
    until = time.monotonic() + START
    while subprocess.run(ping).returncode != 0:
        if server.poll() is not None:
            raise Ended(f"the server ended with status {server.returncode}")
        if time.monotonic() > until:
            raise Ended(f"the server did not answer within {START} s")
        time.sleep(0.2)
