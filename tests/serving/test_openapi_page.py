"""What docs/serving.md shows, run."""

import json
import re
import shutil
import subprocess

import pytest
from served import png
from support import PROJECT

from sightline.serving.limits import Limits

PAGE = (PROJECT / "docs" / "serving.md").read_text(encoding="utf-8")


def example(language: str, port: int) -> str:
    """Return the first example in a language, for the cnn of these tests."""
    text = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]
    return text.replace(":8000", f":{port}").replace("mnist-cnn", "cnn")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_curl_of_the_page_is_answered_as_it_shows(server, bars, tmp_path):
    (tmp_path / "seven.png").write_bytes(png(bars[0]))
    (tmp_path / "photo.jpg").write_bytes(b"no photo")
    command = ["bash", "-c", example("bash", server.port).replace("curl", "curl --silent")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
    answers = json.loads(done.stdout)["answers"]
    for answer, example_answer in zip(answers, shown["answers"], strict=True):
        assert set(answer) == set(example_answer)
        assert answer["image"] == example_answer["image"]


def test_the_python_of_the_page_runs(server, capsys):
    exec(compile(example("python", server.port), "docs/serving.md", "exec"), {})
    assert re.match(r"bar \d \d", capsys.readouterr().out)


def test_the_page_names_the_limits():
    limits, table = Limits(), PAGE.split("## Limits")[1]
    assert f"| {limits.requests} | `--queue`" in table
    assert f"| images in a request | {limits.images} |" in table
    assert f"{limits.bytes >> 20} MiB, as JSON {limits.json_bytes >> 20} MiB" in table
    assert f"| {limits.pixels // 10**6} million" in table
    assert table.count(f"| {limits.seconds:g} |") == 2
