"""The rules of docs/words.md that can be checked."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from sources import ROOT, check, files, place, tree

WORDS = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
FILES = files("src", "flows", "scripts", "tests")


def rows(heading: str) -> dict[str, str]:
    """Return the table below a heading of docs/words.md: a word, and the text beside it."""
    section = WORDS.split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))


def identifiers(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every name that a file defines, with its line."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, node.lineno
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                yield name, node.lineno
            case ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno


def test_names_are_the_fields_own_words():
    unused = rows("Not used as names")
    assert len(unused) >= 5
    faults = [
        f"{place(path, line)}: {name}: name it {unused[name.strip('_')]}"
        for path in FILES
        for name, line in identifiers(path)
        if name.strip("_") in unused
    ]
    check(faults)


@pytest.mark.parametrize("word", ["record", "report"])
def test_a_word_has_one_home(word):
    homes = re.findall("`([^`]+)`", rows("At home in one place")[word])
    faults = [
        f"{place(path, line)}: {name}: `{word}` is a word of {', '.join(homes)}"
        for path in FILES
        for name, line in identifiers(path)
        if {word, f"{word}s"} & set(name.lower().split("_"))
        and not name.startswith("test_")
        and not any(fnmatch(place(path), home) for home in homes)
    ]
    check(faults)
