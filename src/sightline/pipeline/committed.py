"""params.yaml as git has it."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from sightline.layout import PARAMS


def params(root: Path) -> dict[str, Any]:
    """Return params.yaml of git's HEAD; empty where there is none that can be read."""
    command = ["git", "-C", str(root), "show", f"HEAD:./{PARAMS}"]
    try:
        text = subprocess.run(command, capture_output=True, check=True).stdout
        content = yaml.safe_load(text)
    except (subprocess.CalledProcessError, FileNotFoundError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
