"""Where the time of a call goes: the dearest nodes of a file, by onnxruntime's own profiler."""

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnxruntime

NODES = 10
CALLS, WARMUP = 200, 20

Node = tuple[str, str, float, float]  # name, operator, ms of a call (mean), share of all nodes


def dearest(path: Path, provider: str, images: np.ndarray, count: int = NODES) -> list[Node]:
    """Return the nodes that take most of a call with these images, uint8 N x H x W x C, on one
    thread, the dearest first. The nodes are those that onnxruntime made of the file's.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        for _ in range(WARMUP + CALLS):
            session.run(None, {"images": images})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return _ranked(events)[:count]


def _ranked(events: list[dict]) -> list[Node]:
    """Return all nodes of a profile, the dearest first, without the calls that warm up."""
    taken: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in events:
        name, ending, _ = event["name"].partition("_kernel_time")
        if event.get("cat") == "Node" and ending:
            taken[name, event["args"]["op_name"]].append(event["dur"])
    # microseconds; onnxruntime stops counting after a million events
    mean = {node: float(np.mean(each[WARMUP:] or each)) / 1000 for node, each in taken.items()}
    total = sum(mean.values()) or 1.0
    ranked = sorted(mean.items(), key=lambda item: -item[1])
    return [(*node, value, value / total) for node, value in ranked]
