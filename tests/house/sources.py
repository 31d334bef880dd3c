"""The project's Python files, parsed, for the tests of its structure."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "src" / "sightline"


class Import(NamedTuple):
    """A module that is imported, and the line that does so."""

    module: str
    line: int


def files(*folders: str) -> list[Path]:
    """Return the Python files below these folders of the project."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, line: int | None = None) -> str:
    """Return the name of a file, and the line, as an editor opens it."""
    name = str(path.relative_to(ROOT))
    return name if line is None else f"{name}:{line}"


def module(path: Path) -> str:
    """Return the dotted name of a file's module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "src" else parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> Iterator[Import]:
    """Yield every import of a file, those inside functions and under TYPE_CHECKING too.

    `from package import name` is an import of `package.name` where that is a module of ours.
    """
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            assert node.level == 0, f"{place(path, node.lineno)}: write `from sightline...`"
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield Import(name if name in modules() else base, node.lineno)


@cache
def modules() -> dict[str, Path]:
    """Return the file of each module of src/ and flows/."""
    return {module(path): path for path in files("src/sightline", "flows")}


def docstrings(node: ast.AST) -> set[int]:
    """Return the ids of the nodes that are docstrings."""
    return {
        id(part.body[0].value)
        for part in ast.walk(node)
        if isinstance(part, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and part.body
        and isinstance(part.body[0], ast.Expr)
        and isinstance(part.body[0].value, ast.Constant)
    }


def check(faults: Iterable[str]) -> None:
    """Fail the test that asks, with a line for each fault and no traceback."""
    if lines := sorted(faults):
        pytest.fail("\n".join(lines), pytrace=False)
