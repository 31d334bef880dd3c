"""docs/publishing.md: its commands and its Python run."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from support import PROJECT

PAGE = (PROJECT / "docs" / "publishing.md").read_text(encoding="utf-8")


def test_its_commands_run(project):
    text = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    commands = re.findall(r"^    (\w.*)$", text, re.MULTILINE)
    assert sum(line.startswith("sightline ") for line in commands) == 4
    if not importlib.util.find_spec("model_signing") or not shutil.which("openssl"):
        commands = [line for line in commands if ".pem" not in line]
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    sightline = f'sightline() {{ {sys.executable} -m sightline.cli "$@"; }}'
    done = subprocess.run(
        ["bash", "-ec", "\n".join([sightline, *commands]).replace("mnist", "bars")],
        cwd=project.root,
        env=os.environ | {"PATH": programs, "PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "sets of test vectors" in done.stdout
    sums = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    subprocess.run(sums, cwd=project.root / "published" / "bars-cnn", check=True)


def test_its_python_runs_without_sightline(cnn):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    blocked = "import sys; sys.modules['torch'] = sys.modules['sightline'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", blocked + code], cwd=cnn.path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["logits True", "probabilities True", "features True"]
