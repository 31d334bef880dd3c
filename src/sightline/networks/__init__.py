"""Networks: one file each, found by its name. They know nothing of files.

A network's file defines `Settings`, a section of what a recipe may set under `network:`,
and `Network(nn.Module)`, built as `Network(settings, shape, outputs)`; see `layers.Network`.
"""

import importlib
from pathlib import Path
from types import ModuleType

TORCHVISION = "torchvision"  # the network that weights of torchvision's models are for
_SHARED = {"__init__", "layers"}


def names() -> list[str]:
    """Return the names of all networks, found in this folder without importing them."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in _SHARED)


def module(name: str) -> ModuleType:
    """Return the module of a network: its `Settings` and `Network`. Imports torch."""
    return importlib.import_module(f"sightline.networks.{name}")
