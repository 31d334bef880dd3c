"""A registered model behind `mlflow models serve`: the requests of docs/tracking.md."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from census import TITLE
from results import CLASSES, make_results
from support import PROJECT
from toy_project import free_port

from sightline.host.processes import end_tree
from sightline.layout import Layout
from sightline.tracking import store
from sightline.tracking.log import log

PAGE = (PROJECT / "docs" / "tracking.md").read_text(encoding="utf-8")
CHAMPION = f"models:/{TITLE}@champion"


@pytest.fixture
def uri(project, monkeypatch) -> str:
    """The store, with a registered model in it."""
    log("mnist-cnn", make_results(project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.find(Layout(project)).uri)
    return os.environ["MLFLOW_TRACKING_URI"]


def test_the_logged_model_says_its_classes_and_how_an_image_comes_in(uri):
    import mlflow

    metadata = mlflow.models.get_model_info(CHAMPION).metadata
    assert metadata["classes"] == CLASSES and metadata["task"] == "classify"
    assert metadata["image"]["polarity"] == "light-on-dark"
    assert "0 to 255" in metadata["image"]["pixels"]


def test_from_python_scaled_pixels_are_refused(uri):
    import mlflow

    model = mlflow.pyfunc.load_model(CHAMPION)
    with pytest.raises(mlflow.exceptions.MlflowException, match="uint8"):
        model.predict({"images": np.full((1, 4, 4, 1), 0.9)})


@pytest.fixture
def port(uri, project):
    """The port of the server that docs/tracking.md starts."""
    (line,) = re.findall(r"^    (mlflow models serve .*)$", PAGE, re.MULTILINE)
    port = str(free_port())
    words = line.replace("5001", port).split()[1:]
    with (project / "serve.log").open("w") as file:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sightline.host.processes",
                sys.executable,
                "-m",
                "mlflow",
                *words,
            ],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    ping = ["curl", "--silent", "--fail", "--output", "/dev/null", f"http://127.0.0.1:{port}/ping"]
    until = time.monotonic() + 120
    while subprocess.run(ping).returncode != 0:
        assert server.poll() is None and time.monotonic() < until, (
            project / "serve.log"
        ).read_text()
        time.sleep(0.2)
    yield port
    end_tree(server.pid)


def ask(project, port: str, has: str) -> dict:
    """Run the request of the page that has these words; return the answer."""
    (block,) = [b for b in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if has in b]
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-ec", block.replace("* 28", "* 4").replace("5001", port)],
        cwd=project,
        env=os.environ | {"PATH": programs},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)["predictions"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
def test_the_requests_of_the_page(project, uri, port):
    import mlflow

    model = mlflow.pyfunc.load_model(CHAMPION)

    def expected(pixel: int) -> np.ndarray:
        return model.predict({"images": np.full((1, 4, 4, 1), pixel, np.uint8)})["logits"]

    right = ask(project, port, "images.json")
    assert set(right) == {"logits", "probabilities"}
    np.testing.assert_allclose(right["logits"], expected(230), rtol=1e-6)
    wrong = ask(project, port, "scaled.json")  # no error, and the answer for a black image
    np.testing.assert_allclose(wrong["logits"], expected(0), rtol=1e-6)
    table = {"dataframe_split": {"columns": ["images"], "data": [[230]]}}
    request = ["curl", "--silent", "--write-out", "%{http_code}", "--output", "/dev/null"]
    request += ["--header", "Content-Type: application/json", "--data", json.dumps(table)]
    url = f"http://127.0.0.1:{port}/invocations"
    assert subprocess.run([*request, url], capture_output=True, text=True).stdout == "400"
