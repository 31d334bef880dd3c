"""A stage in small: `toy.py KIND ITEM` reads its inputs, waits, fails or stalls on demand, writes.

What it is to do stands in files under .sightline/toy of the main workspace, so that a changed
demand makes no stage stale: `KIND@ITEM.sleep` (seconds), `KIND@ITEM.fail` (exit status; `once 75`
fails the first time only), `KIND@ITEM.add` (a line for the output), `KIND@ITEM.say` (a line on the
screen). Every execution adds a line to `executed`: stage, CUDA device, start, end.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

import yaml

from sightline.host.processes import die_with_parent
from sightline.layout import main_root

OUTS = {
    "download": "data/raw/{}",
    "preprocess": "data/processed/{}",
    "train": "models/{}/weights.pt",
    "export": "models/{}/model.onnx",
    "log": "reports/{}/logged.json",
}
DATASETS = {"x": "a", "y": "b"}


def inputs(kind: str, item: str) -> bytes:
    """What the stage's result depends on: the files before it, and its own params."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    if kind == "download":
        return params["catalogue"].encode()
    if kind == "preprocess":
        return Path("data/raw", item).read_bytes() + str(params["datasets"][item]).encode()
    if kind == "train":
        return (
            Path("data/processed", DATASETS[item]).read_bytes()
            + str(params["recipes"][item]).encode()
        )
    before = {"export": "weights.pt", "log": "model.onnx"}[kind]
    return Path("models", item, before).read_bytes()


def main(kind: str, item: str) -> int:
    die_with_parent()
    name, demands = f"{kind}@{item}", main_root() / ".sightline" / "toy"
    demands.mkdir(parents=True, exist_ok=True)
    content = inputs(kind, item)
    began = time.time()
    print(f"{name} says hello", flush=True)
    (demands / f"{name}.new").write_text(str(os.getpid()))
    (demands / f"{name}.new").replace(demands / f"{name}.pid")  # nobody reads it half written
    say = demands / f"{name}.say"
    if say.exists():
        print(say.read_text(), flush=True)
    sleep = demands / f"{name}.sleep"
    time.sleep(float(sleep.read_text()) if sleep.exists() else 0)
    with (demands / "executed").open("a") as executed:
        device = os.environ.get("CUDA_VISIBLE_DEVICES", "none")
        executed.write(f"{name} {device} {began} {time.time()}\n")
    fail = demands / f"{name}.fail"
    if fail.exists():
        *once, status = fail.read_text().split()
        if once:
            fail.unlink()
        print(f"sightline: {name} was told to fail", file=sys.stderr)
        return int(status)
    out = Path(OUTS[kind].format(item))
    out.parent.mkdir(parents=True, exist_ok=True)
    added = demands / f"{name}.add"
    text = added.read_text() if added.exists() else ""
    out.write_text(f"{name} of {hashlib.sha256(content).hexdigest()}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
