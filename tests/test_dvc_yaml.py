"""dvc.yaml tells the truth: about the models of params.yaml, and about the code of each stage."""

import ast
from pathlib import Path

import pytest
import yaml

from sightline import tasks

ROOT = Path(__file__).parent.parent
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
PLOTS = {title: plot for item in PIPELINE["plots"] for title, plot in item.items()}
CURVES = {title: plot for title, plot in PLOTS.items() if plot["x"] == "epoch"}
CONFUSION = {path for path, plot in PLOTS.items() if plot["template"] == "confusion"}


@pytest.mark.parametrize("name", PARAMS["models"])
def test_every_model_has_its_lines(name):
    """Add what this test names to `artifacts:` and `plots:` of dvc.yaml."""
    assert PIPELINE["artifacts"][name]["path"] == f"models/{name}/model.onnx"
    curve = f"reports/{name}/epochs.csv"
    dataset = PARAMS["models"][name]["dataset"]
    shown = {plot["y"][curve]: title for title, plot in CURVES.items() if curve in plot["y"]}
    task = PARAMS["models"][name]["task"]
    assert set(shown) == {f"val_{tasks.words(task).figure}", "train_loss"}
    assert all(title.startswith(f"{dataset}:") for title in shown.values())
    assert (f"reports/{name}/tables/confusion.csv" in CONFUSION) == bool(tasks.words(task).choice)


def test_no_line_is_left_of_a_model_that_is_gone():
    assert set(PIPELINE["artifacts"]) == set(PARAMS["models"])
    curves = {path for plot in CURVES.values() for path in plot["y"]}
    assert curves == {f"reports/{name}/epochs.csv" for name in PARAMS["models"]}
    assert {f"reports/{name}/tables/confusion.csv" for name in PARAMS["models"]} >= CONFUSION
    drawn = {path for plot in PLOTS.values() if plot["template"] == "linear" for path in plot["y"]}
    assert {path.split("/")[1] for path in drawn} == set(PARAMS["models"])


@pytest.mark.parametrize("stage", PIPELINE["stages"])
def test_commands_hold_names_alone(stage):
    assert PIPELINE["stages"][stage]["do"]["cmd"] == f"sightline {stage} ${{key}}"


# Changes in these make no stage stale, because they decide no byte of what a stage leaves.
EXEMPT = {
    "__init__.py": "what a program imports; no stage calls its `load`",
    "cli.py": "carries names to functions; what it hands over stands in params.yaml",
    "errors.py": "a stage that raises leaves nothing",
    "files.py": "writes what it is given, all of it or nothing",
    "layout.py": "where files lie: dvc.yaml has the same paths, and a test holds the two together",
    "settings": "reads and checks params.yaml and the catalogue, whose values are `params` here",
    "host": "locks, processes, processors: only timing.json, which is volatile, tells of them",
}
PACKAGE = ROOT / "src" / "sightline"
TASK_PARTS = ("task", "words", "evaluation", "insight")


def closure(stage: str) -> set[str]:
    """The files of the package that a stage's command may import, seen from the package.

    Imports inside functions count too. Files with a docstring alone do not, nor what is exempt.
    """
    commands = ast.parse((PACKAGE / "cli.py").read_text()).body
    files: set[str] = set()
    todo: list[ast.AST] = [
        n for n in commands if isinstance(n, ast.FunctionDef) and n.name == stage
    ]
    while todo:
        for name in imports(todo.pop()):
            if name not in files and not {name, name.split("/")[0]} & set(EXEMPT):
                files.add(name)
                file = PACKAGE / name.replace("${item.network}", "cnn")
                todo.append(ast.parse(file.read_text()))
    return {name for name in files if "$" in name or has_code(PACKAGE / name)}


def has_code(file: Path) -> bool:
    return len(ast.parse(file.read_text()).body) > 1


def imports(node: ast.AST):
    """Yield the files of the package that a piece of code imports, by its statements or by name."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            *parts, last = f"{base}{alias.name}".split(".")
            if parts[:1] == ["sightline"]:
                folder = PACKAGE.joinpath(*parts[1:])
                for file in (folder.with_suffix(".py"), folder / f"{last}.py"):
                    if file.is_file():
                        yield file.relative_to(PACKAGE).as_posix()
                for package in (folder, folder / last, *folder.parents):
                    if package.is_relative_to(PACKAGE) and (package / "__init__.py").is_file():
                        yield (package / "__init__.py").relative_to(PACKAGE).as_posix()
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "networks.module":
        yield "networks/${item.network}.py"
    if isinstance(node, ast.Call) and ast.unparse(node.func) in [f"tasks.{p}" for p in TASK_PARTS]:
        part = ast.unparse(node.func).removeprefix("tasks.")
        yield from (p.relative_to(PACKAGE).as_posix() for p in PACKAGE.glob(f"tasks/*/{part}.py"))
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


@pytest.mark.parametrize("stage", PIPELINE["stages"])
def test_code_deps_are_what_the_command_imports(stage):
    """A folder may stand for two files or more that are imported, never for one."""
    imported = closure(stage)
    deps = {dep.removeprefix("src/sightline/") for dep in code_deps(stage)}
    uses = {dep: {f for f in imported if f == dep or f.startswith(f"{dep}/")} for dep in deps}
    assert imported - set().union(*uses.values()) == set(), "missing in dvc.yaml"
    assert {dep for dep, files in uses.items() if not files} == set(), "superfluous in dvc.yaml"
    alone = {dep: files for dep, files in uses.items() if len(files) == 1 and {dep} != files}
    assert alone == {}, "name the file, not its folder"


def code_deps(stage: str) -> list[str]:
    return [dep for dep in PIPELINE["stages"][stage]["do"]["deps"] if dep.startswith("src/")]
