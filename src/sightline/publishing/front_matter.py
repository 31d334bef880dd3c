"""The YAML above a published card, by which Hugging Face finds, sorts and compares models."""

import io
import re
from typing import Any

from ruamel.yaml import YAML

from sightline import tasks
from sightline.tasks.words import Words

_FENCE = b"---\n"
LICENSE = re.compile(
    r"[a-z0-9][a-z0-9.-]*"
)  # a name of Hugging Face's list: apache-2.0, mit, other


def front_matter(metadata: dict[str, Any], seed: int, license: str) -> bytes:
    """Return the lines above the card, fences included: task, dataset, figures, licence.

    `metadata` is that of the ONNX file, `license` a name of Hugging Face's list. A dataset that is
    not real is named by its catalogue, too: nobody shall take its figures for those of the real
    one.
    """
    words = tasks.words(metadata["task"])
    name, catalogue = metadata["dataset"], metadata["catalogue"]
    dataset = name if metadata["real"] else f"{catalogue}-{name}"
    content: dict[str, Any] = {"license": license}
    if license == "other":
        content["license_name"] = f"terms-of-{dataset}"
    content["library_name"] = "onnx"
    if words.hub_task:
        content["pipeline_tag"] = words.hub_task
    content["tags"] = ["sightline", metadata["network"], metadata["task"]]
    content["datasets"] = [dataset]
    content["metrics"] = list(words.hub_metrics.values())
    results = [
        {
            "task": {"type": words.hub_task or metadata["task"], "name": metadata["task"]},
            "dataset": {
                "name": name if metadata["real"] else f"{name} ({catalogue}, not real data)",
                "type": dataset,
                "split": split,
            },
            "metrics": _metrics(metadata["metrics"][split], words, split, seed),
        }
        for split in ("val", "test")
        if metadata["metrics"].get(split)
    ]
    content["model-index"] = [{"name": metadata["name"], "results": results}]
    buffer = io.StringIO()
    yaml = YAML()
    yaml.width = 10_000  # a name stays on its line
    yaml.dump(content, buffer)
    return _FENCE + buffer.getvalue().encode() + _FENCE


def without_front_matter(card: bytes) -> bytes:
    """Return the card as it was exported; the same where there are no lines above it."""
    head, fence, rest = card.removeprefix(_FENCE).partition(b"\n" + _FENCE)
    return rest if card.startswith(_FENCE) and head and fence else card


def _metrics(figures: dict[str, Any], words: Words, split: str, seed: int) -> list[dict[str, Any]]:
    return [
        {
            "type": kind,
            "value": figures[name],
            "name": f"{name} on {split}",
            "args": {"seeds": [seed]},
        }
        for name, kind in words.hub_metrics.items()
        if name in figures
    ]
