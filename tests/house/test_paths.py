"""The package layout alone knows where a file lies and what it is called.

What counts as a path: the name of a file or folder of layout in a string without a blank, or
beside a `/`. A sentence may name params.yaml: it has blanks.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sources import PACKAGE, ROOT, check, docstrings, files, place, tree

LAYOUT = sorted((PACKAGE / "layout").glob("*.py"))
# flows/__init__.py puts a clone's own code first, before there is a layout to ask
START = ROOT / "flows" / "__init__.py"
FILES = [path for path in files("src/sightline", "flows") if path not in (*LAYOUT, START)]


def texts(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each string of a file but for docstrings, an f-string's {parts} as `{}`."""
    skipped = docstrings(tree(path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield text(node), node.lineno
        elif isinstance(node, ast.Constant) and id(node) not in skipped and text(node):
            yield text(node), node.lineno


def text(node: ast.AST) -> str:
    """Return what a string's expression holds; empty for any other expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) or "{}" for part in node.values)
    return ""


def joined(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each string that is joined to a path by `/`, or by joinpath."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield from ((text(side), node.lineno) for side in (node.left, node.right))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "joinpath"
        ):
            yield from ((text(part), node.lineno) for part in node.args)


def names() -> tuple[set[str], set[str]]:
    """Return the names of files and of folders that layout gives."""
    values = {value for path in LAYOUT for value, _ in joined(path)}
    written = [value for path in LAYOUT for value, _ in texts(path)]
    values |= {v for v in written if re.search(r"/|\w\.\w+$", v) and " " not in v}
    parts = {part for value in values for part in value.split("/") if part and "{" not in part}
    in_files = {part for part in parts if re.search(r"\w\.\w+$", part)}
    return in_files, parts - in_files


def test_layout_names_what_the_stages_leave():
    in_files, folders = names()
    assert {"params.yaml", "dvc.lock", "weights.pt", "model.json", "metrics.json"} <= in_files
    assert {"models", "reports", "raw", "processed", ".sightline", "checkpoints"} <= folders


def test_no_other_module_writes_a_path():
    in_files, folders = names()
    faults = []
    for path in FILES:
        for value, line in texts(path):
            if re.search(r"\s", value) or value.endswith(".py"):
                continue  # a sentence, or a file of the code
            parts = set(value.split("/"))
            roots = {part for part in parts & folders if len(parts) > 1 or part.startswith(".")}
            faults += [fault(path, line, value)] if parts & in_files or roots else []
        faults += [
            fault(path, line, value)
            for value, line in joined(path)
            if set(value.split("/")) & (in_files | folders)
        ]
    check(set(faults))


def fault(path: Path, line: int, value: str) -> str:
    return f"{place(path, line)}: {value!r}: ask Layout for it (src/sightline/layout)"
