"""What a project of models to publish is made of: its stages, and the real git and dvc."""

import os
import subprocess
import sys
from pathlib import Path

# crops: a CNN that is trained on crops, so that it reads images of any size, but not of half
MODELS = {"cnn": {"widths": [4, 8]}, "irnn": {"hidden_size": 8}, "crops": {"widths": [4, 4, 8]}}
STAGES = """\
stages:
  train:
    foreach: ${models}
    do:
      cmd: sightline train ${key}
      params: ["models.${key}", "recipes.${item.recipe}"]
      deps: ["data/processed/${item.dataset}"]
      outs: ["trained/${key}"]
  evaluate:
    foreach: ${models}
    do:
      cmd: sightline evaluate ${key}
      deps: ["trained/${key}"]
      outs: ["reports/${key}"]
  export:
    foreach: ${models}
    do:
      cmd: sightline export ${key}
      deps: ["trained/${key}", "reports/${key}"]
      outs: ["models/${key}"]
"""


def shell(root: Path, *command: str) -> None:
    """Run git or dvc of this environment, with a name to commit with."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    who = {f"GIT_{role}_NAME": "test" for role in ("AUTHOR", "COMMITTER")}
    who |= {f"GIT_{role}_EMAIL": "test@example.org" for role in ("AUTHOR", "COMMITTER")}
    environment = os.environ | who | {"PATH": programs}
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)


def commit(root: Path) -> None:
    shell(root, "git", "add", ".")
    shell(root, "git", "commit", "-q", "-m", "test")
