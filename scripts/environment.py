"""Make .venv from requirements.lock, or leave it alone if it is as it should be: `make env`.

Run by the Python that .venv shall have, with nothing but the standard library. An environment that
cannot be trusted (cut off while it was made, moved, of another Python) is made anew.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MADE = VENV / ".made"  # written last: what the environment was made from
LOCK = ROOT / "requirements.lock"
NO_GIT = ROOT / ".dvc" / "config.local"
TORCH = os.environ.get("TORCH", "")  # another build of torch than the lock's: cpu, cu130, auto
OF_TORCH = re.compile(r"(torch|torchvision|triton|cuda-|nvidia-)")
WITHOUT_GIT = "[core]\n    no_scm = true\n"
PROBE = (
    "import importlib.util as u, sys; print(*sys.version_info[:2], u.find_spec('pip') is not None)"
)


def main() -> int:
    """Make the environment if need be; 0 when it is there."""
    if sys.version_info[:2] < (3, 11):  # noqa: UP036 - whatever Python a person has runs this
        print("Sightline needs Python 3.11 or newer: make run PYTHON=/path/to/python3.11")
        return 1
    agree_on_git()
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second `make` waits for the first one's environment
        made, target = read_made(), wanted()
        fault = find_fault(made, target)
        if fault:
            print(f"{fault}: .venv is made anew", flush=True)
            remove()
        elif made == target:
            return 0
        if not PYTHON.exists():
            print("making .venv: several GB, some minutes", flush=True)
            # not sys.executable: it may be that of the .venv that has just been deleted
            subprocess.run([sys._base_executable, "-m", "venv", str(VENV)], check=True)
        MADE.unlink(missing_ok=True)
        install()
        MADE.write_text(json.dumps(target) + "\n")
    return 0


def agree_on_git() -> None:
    """Have DVC do without git where there is none, as in a downloaded archive, and with it again.

    Without that every command of DVC would end in an error.
    """
    has_git = any((folder / ".git").exists() for folder in (ROOT, *ROOT.parents))
    if not has_git and not NO_GIT.exists():
        NO_GIT.write_text(WITHOUT_GIT)
        print(
            "no git repository here: DVC works without one (.dvc/config.local); experiments, and "
            "flows with overrides, need one: git init, then make env",
            flush=True,
        )
    elif has_git and NO_GIT.exists() and NO_GIT.read_text() == WITHOUT_GIT:
        NO_GIT.unlink()


def wanted() -> dict:
    """Return what .venv is to be made from."""
    inputs = (ROOT / "pyproject.toml").read_bytes() + LOCK.read_bytes()
    return {
        "folder": str(ROOT),
        "python": list(sys.version_info[:2]),
        "sha256": hashlib.sha256(inputs).hexdigest(),
        "torch": TORCH,
    }


def read_made() -> dict:
    """Return what .venv was made from; empty if nothing says so."""
    try:
        return json.loads(MADE.read_text())
    except (OSError, ValueError):
        return {}


def find_fault(made: dict, wanted: dict) -> "str | None":
    """Return why .venv cannot be used; None if it can, or if there is none yet."""
    if not os.path.lexists(VENV):
        return None
    if not made:
        return ".venv was never finished"
    if made.get("folder") != wanted["folder"]:
        return f".venv was made in {made.get('folder')} and moved here"
    try:
        probe = subprocess.run([str(PYTHON), "-c", PROBE], capture_output=True, text=True)
    except OSError:
        return ".venv has lost its Python"
    if probe.returncode != 0:
        return ".venv's Python does not start"
    major, minor, pip = probe.stdout.split()
    if [int(major), int(minor)] != wanted["python"]:
        return (
            f".venv is of Python {major}.{minor}, wanted is {'.'.join(map(str, wanted['python']))}"
        )
    return None if pip == "True" else ".venv has no pip"


def remove() -> None:
    """Delete .venv, which may be a link to another folder's."""
    if VENV.is_dir() and not VENV.is_symlink():
        shutil.rmtree(VENV)
    else:
        VENV.unlink()


def install() -> None:
    """Install what the lock lists, by uv if it can be had, else by pip; then this project."""
    pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    uv = shutil.which("uv") or own_uv(pip)
    # compiled once, as pip does by itself: where Python may not write compiled files, as in many
    # an image of Docker, every stage would compile what it imports, half the time of its start
    quick = ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON)]
    ways = [[uv, *quick]] if uv else []
    if TORCH:
        if not uv:
            raise SystemExit(f"TORCH={TORCH} needs uv, and pip could not install it: see above")
        install_torch([uv, *quick])
        return
    for way in [*ways, pip]:
        # --no-deps: the lock lists all; pip would ask for `sqlalchemy[asyncio]` with a hash as well
        locked = subprocess.run([*way, "--no-deps", "--require-hashes", "-r", str(LOCK)])
        if locked.returncode == 0:
            project = [*way, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
            subprocess.run(project, check=True)
            return
        if way is not pip:
            print("uv failed, pip is tried: it may know an index that uv does not", flush=True)
    raise SystemExit("the packages could not be installed: see above, then run the same again")


def install_torch(uv: list) -> None:
    """Install what the lock lists but for torch, and the same version of torch from the index of
    PyTorch, as TORCH names it. The lock has no hashes of that index's files.
    """
    entries = re.split(r"\n(?=[a-z])", LOCK.read_text())
    others = [entry for entry in entries if not OF_TORCH.match(entry)]
    versions = [entry.split()[0] for entry in entries if re.match("torch(vision)?==", entry)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(others))
        file.flush()
        steps = (
            ["--no-deps", "--require-hashes", "-r", file.name],
            ["--torch-backend", TORCH, *versions],
            ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
        )
        for step in steps:
            if subprocess.run([*uv, *step]).returncode != 0:
                raise SystemExit(
                    f"the packages could not be installed with TORCH={TORCH}: see above; `make "
                    "env` without TORCH takes torch from the index of the other packages"
                )


def own_uv(pip: list) -> "str | None":
    """Return the uv of .venv, installed there by pip; None if there is none for this machine."""
    entry = LOCK.read_text().split("\nuv==")[1].split("\n    # via")[0]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(f"uv=={entry}\n")
        file.flush()
        done = subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", file.name])
    return str(VENV / "bin" / "uv") if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
