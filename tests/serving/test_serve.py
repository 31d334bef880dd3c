"""`sightline serve`, as a process of its own, asked over HTTP."""

import base64
import io
import re
import signal
import socket
import subprocess
import sys

import httpx
import numpy as np
import pytest
from PIL import Image
from served import png
from serving.server import serving

from sightline.cli import main
from sightline.inference.session import Session

MODELS = ["cnn", "lstm-next-row", "cnn-rotation"]  # those of conftest.py
# what `pip install 'sightline[serve]'` does not bring
ABSENT = ("torch", "torchvision", "onnx", "onnxscript", "mlflow", "dvc", "prefect", "matplotlib")


def ask(client: httpx.Client, model: str, *images: bytes, **params) -> httpx.Response:
    files = [("images", (f"{n}.png", image)) for n, image in enumerate(images)]
    return client.post(f"/models/{model}/predict", files=files, params=params)


def shares(answer: dict) -> dict[str, float]:
    return {entry["name"]: entry["probability"] for entry in answer["classes"]}


def test_image_files_are_answered_in_order_with_names_and_probabilities(client, bars, model):
    response = ask(client, "cnn", *map(png, bars))
    assert response.status_code == 200
    content = response.json()
    assert content["model"] == "cnn"
    assert [answer["image"] for answer in content["answers"]] == ["0.png", "1.png", "2.png"]
    expected = Session(model).run(bars[..., None])["probabilities"]
    for answer, row in zip(content["answers"], expected, strict=True):
        assert shares(answer) == pytest.approx({f"bar {n}": row[n] for n in range(3)}, abs=1e-5)
        assert list(shares(answer)) == sorted(shares(answer), key=shares(answer).get, reverse=True)


def test_what_serve_answers_is_what_predict_prints(client, bars, model, tmp_path, capsys):
    large = np.asarray(Image.fromarray(255 - np.pad(bars[1], 4)).resize((70, 50)))
    (tmp_path / "large.png").write_bytes(png(large))
    assert main(["predict", str(model), str(tmp_path / "large.png"), "--top", "2"]) == 0
    printed = capsys.readouterr().out.strip().partition(": ")[2]
    answer = ask(client, "cnn", png(large), top=2).json()["answers"][0]
    notes = "".join(f"  ({note})" for note in answer["notes"])
    assert notes == "  (inverted: its border is light)"
    assert answer["text"] + notes == printed


def test_invert_and_top_are_heeded(client, bars):
    dark = png(255 - bars[0])
    assert ask(client, "cnn", dark, invert="no").json()["answers"][0]["notes"] == []
    inverted = ask(client, "cnn", dark, invert="yes").json()["answers"][0]
    assert shares(inverted) == shares(ask(client, "cnn", png(bars[0])).json()["answers"][0])
    assert len(ask(client, "cnn", dark, top=1).json()["answers"][0]["classes"]) == 1
    assert ask(client, "cnn", dark, top=0).status_code == 422
    assert ask(client, "cnn", dark, invert="perhaps").status_code == 422


def test_pixels_in_json_are_answered_as_the_file_of_them_is(client, bars):
    pixels = client.post("/models/cnn/predict", json={"images": bars.tolist()}).json()["answers"]
    files = ask(client, "cnn", *map(png, bars)).json()["answers"]
    assert [shares(answer) for answer in pixels] == [
        pytest.approx(shares(answer), abs=1e-6) for answer in files
    ]


def test_pixels_of_0_to_1_are_refused_and_not_taken_for_black(client, bars):
    response = client.post("/models/cnn/predict", json={"images": (bars / 255).tolist()})
    assert response.status_code == 400
    assert "multiply those from 0 to 1 by 255" in response.json()["detail"]


def test_rotation_answers_with_an_angle(client, layout, bars):
    answer = ask(client, "cnn-rotation", png(bars[0])).json()["answers"][0]
    session = Session(layout.model("cnn-rotation").onnx)
    assert answer["angle"] == pytest.approx(session.run(bars[:1, ..., None])["angle"][0], abs=1e-4)


def test_next_row_answers_with_the_completed_image(client, bars):
    answer = ask(client, "lstm-next-row", png(bars[0])).json()["answers"][0]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["picture"]))))
    assert picture.shape == (12, 12)
    np.testing.assert_array_equal(picture[:6], bars[0][:6])
    assert (answer["known_rows"], answer["rows"]) == (6, 12)


def test_an_image_that_cannot_be_read_does_not_stop_the_others(client, bars):
    response = ask(client, "cnn", b"no image", png(bars[0]))
    assert response.status_code == 200
    broken, right = response.json()["answers"]
    assert "not an image in a format known here" in broken["error"]
    assert shares(right)
    assert ask(client, "cnn", b"no image").status_code == 422


def test_models_are_listed_with_what_their_files_say(client, layout):
    assert [model["name"] for model in client.get("/models").json()] == MODELS
    shown = client.get("/models/cnn").json()
    session = Session(layout.model("cnn").onnx)
    assert shown == {
        "inputs": session.inputs,
        "outputs": session.outputs,
        "metadata": session.metadata,
    }
    missing = client.get("/models/cnm")
    assert missing.status_code == 404
    assert "did you mean 'cnn'?" in missing.json()["detail"]


def test_health_and_the_page_that_explains_need_nothing_from_elsewhere(client):
    assert client.get("/health").json() == {"status": "ok", "models": MODELS}
    page = client.get("/docs").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) == 3
    assert all(client.get(source).is_success and source[:2] != "//" for source in sources)
    content = client.get("/openapi.json").json()["paths"]["/models/{name}/predict"]["post"]
    assert set(content["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
    assert {"400", "404", "408", "413", "422", "503"} <= set(content["responses"])


def test_serve_works_without_torch(layout, tmp_path):
    code = (
        "import sys\n"
        f"for name in {ABSENT}: sys.modules[name] = None\n"
        "from sightline.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, "serve", str(layout.model("cnn").onnx), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"cnn at http://127.0.0.1:")
        process.terminate()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_request_at_work_be_answered(layout, bars, number):
    """The signal comes while a request has come in by half."""
    with serving(str(layout.model("cnn").path)) as server:
        body = b'{"images": [' + str(bars[0].tolist()).encode() + b"]}"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(
                b"POST /models/cnn/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
                b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:20]
            )
            while not httpx.get(f"{server.url}/health", trust_env=False).is_success:
                pass  # the server has read as far as here
            server.process.send_signal(number)
            with pytest.raises(httpx.TransportError):  # refused, or dropped as it closes
                while True:
                    httpx.get(f"{server.url}/health", trust_env=False)
            connection.sendall(body[20:])
            with connection.makefile("rb") as answer:
                assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        assert server.process.wait(20) == 0
        assert server.process.stderr.read() == ""


def test_a_name_in_the_workspace_and_a_folder_are_served(layout, tmp_path, monkeypatch):
    monkeypatch.chdir(layout.root)
    with serving("cnn", str(layout.model("cnn-rotation").path)) as server:
        names = httpx.get(f"{server.url}/health", trust_env=False).json()["models"]
    assert names == ["cnn", "cnn-rotation"]


def test_what_cannot_be_served_is_one_line(layout, tmp_path, capsys):
    file = str(layout.model("cnn").onnx)
    assert main(["serve", str(tmp_path / "nothing")]) == 1
    assert main(["serve", file, file]) == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", file, "--port", port]) == 1
    assert main(["serve", file, "--port", "99999"]) == 1
    first, second, third, fourth = capsys.readouterr().err.splitlines()
    assert "nothing: neither an exported model here" in first
    assert "another model here is called cnn" in second
    assert f"127.0.0.1:{port} cannot be served on (Address already in use)" in third
    assert "127.0.0.1:99999 cannot be served on" in fourth


def test_connections_answer_without_nagles_delay(client, server, bars):
    """With it an answer takes 40 ms; the quickest of many is no matter of the machine's load."""
    image = png(bars[0])
    ask(client, "cnn", image)
    quickest = min(ask(client, "cnn", image).elapsed.total_seconds() for _ in range(20))
    assert quickest < 0.03
