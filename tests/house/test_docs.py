"""What docs and docstrings point at exists: links, headings, files, modules."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
import yaml
from sources import ROOT, check, files, modules, place, tree

from sightline import networks
from sightline.settings.params import Model
from sightline.settings.recipe import Recipe

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "scripts").glob("*.md")),
]
CODE = files("src", "flows", "scripts")
# files of the repository, in backquotes or in a command; `benchmarks/` and the like come to be
FILE = re.compile(r"(?<![\w./-])((?:src|flows|scripts|tests|docs|data/catalogues|\.ci)/[\w./-]*\w)")
MODULE = re.compile(r"(?<![\w./])(sightline(?:\.\w+)+)")


def lines(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_somewhere():
    faults = []
    for page in PAGES:
        for number, line in lines(page):
            for link in re.findall(r"\]\(([^)\s]+)\)", line):
                target, _, anchor = link.partition("#")
                if "://" in link or link.startswith("mailto:"):
                    continue
                file = (page.parent / target) if target else page
                if not file.exists() or (anchor and anchor not in headings(file)):
                    faults.append(f"{place(page, number)}: ({link}) leads nowhere")
    check(faults)


def test_files_that_are_named_exist():
    faults = []
    for path in [*PAGES, *CODE, *files("tests"), ROOT / "params.yaml", ROOT / "dvc.yaml"]:
        for number, line in lines(path):
            for name in FILE.findall(line):
                if not (ROOT / name).exists() and not re.search(r"[A-Z]{4}|wide|toy", name):
                    faults.append(f"{place(path, number)}: there is no {name}")
    check(faults)


def test_modules_that_are_named_exist():
    faults = []
    for path in [*PAGES, *CODE, ROOT / "params.yaml"]:
        for number, line in lines(path):
            for name in MODULE.findall(line):
                if not resolves(name):
                    faults.append(f"{place(path, number)}: there is no {name}")
    check(faults)


def resolves(name: str) -> bool:
    """Whether a dotted name is a module of ours, something that one defines, or a tag or event."""
    module, rest = name, ""
    while module not in modules():
        module, _, rest = module.rpartition(".")
    if rest in ("", "__file__") or name in literals():
        return True
    body = tree(modules()[module]).body
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {part.id for node in body for part in ast.walk(node) if isinstance(part, ast.Name)}
    return rest in defined


@cache
def literals() -> set[str]:
    """Return the strings of the code that look like modules: names of tags and events."""
    return {
        node.value
        for path in files("src", "flows")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and MODULE.fullmatch(node.value)
    }


def test_the_network_of_docs_networks_md_works(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    code, entry = (
        re.search(f"```{kind}\n(.*?)```", page, re.DOTALL)[1] for kind in ("python", "yaml")
    )
    (tmp_path / "wide.py").write_text(code)
    monkeypatch.setattr(networks, "__path__", [*networks.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    params = yaml.safe_load(entry)
    model = Model(**params["models"]["mnist-wide"])
    recipe = Recipe(**params["recipes"][model.recipe])
    module = networks.module(model.network)
    network = module.Network(module.Settings(**recipe.network), (28, 28, 1), 10)
    assert network.head(network.features(torch.zeros(2, 1, 28, 28))).shape == (2, 10)
