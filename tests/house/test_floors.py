"""Who may import what: the floors of docs/architecture.md, and the home of each library."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter

import pytest
from sources import PACKAGE, ROOT, check, files, imports, module, modules, place, tree

# from the ground up: a package imports from those before it, never from those after it
FLOORS = [
    "errors",
    "files",
    "layout",
    "stage_code",
    "settings",
    "host",
    "drawing",
    "sample",
    "data",
    "images",
    "networks",
    "tasks",
    "models",
    "training",
    "evaluation",
    "insight",
    "inference",
    "export",
    "pipeline",
    "publishing",
    "serving",
    "tracking",
    "report",
    "benchmark",
    "arguments",
    "cli",
    "flows",
]

# where each library may be imported; a new one needs a line here and in docs/dependencies.md
HOMES = {
    "PIL": {"sample", "data", "drawing", "tasks", "inference"},
    "dvc": {"pipeline"},
    "fastapi": {"serving"},
    "fastapi_offline": {"serving"},
    "filelock": {"host", "pipeline", "tracking"},
    "jinja2": {"report"},
    "matplotlib": {"drawing", "insight", "report", "benchmark"},
    "mlflow": {"tracking"},
    "model_signing": {"publishing"},
    "numpy": set(FLOORS)
    - {"errors", "files", "layout", "settings", "host", "arguments", "cli", "flows"},
    "onnx": {"export", "publishing", "tracking", "benchmark"},
    "onnxruntime": {"inference", "benchmark"},
    "openvino": {"benchmark"},
    "prefect": {"flows"},
    "psutil": {"host", "benchmark", "flows"},
    "pydantic": {"settings", "networks", "models", "serving", "flows"},
    "requests": {"data", "tracking"},
    "rich": {"pipeline"},
    "ruamel": {"settings", "publishing"},
    "scipy": {"data"},
    "safetensors": {"training"},
    "sqlalchemy": {"tracking"},
    "torch": {
        *("images", "networks", "tasks", "models", "training", "evaluation", "insight", "export"),
        "benchmark",
    },
    "torchvision": {"networks"},
    "tqdm": {"data", "cli"},
    "uvicorn": {"serving"},
    "yaml": {"pipeline", "flows"},
}
# what comes with a library whose objects are theirs: it goes where that one goes
COMES_WITH = {
    "httpx": "prefect",
    "markupsafe": "jinja2",
    "networkx": "dvc",
    "starlette": "fastapi",
    "urllib3": "requests",
    "voluptuous": "dvc",
}
# how a library is called in pyproject.toml where that is another name than one imports
PROJECTS = {
    "PIL": "pillow",
    "fastapi_offline": "fastapi-offline",
    "model_signing": "model-signing",
    "ruamel": "ruamel.yaml",
    "yaml": "pyyaml",
}

FILES = files("src/sightline", "flows")


def floor(name: str) -> str:
    """Return the floor of a module of ours: `sightline.data.fetch` is on `data`."""
    top, _, rest = name.partition(".")
    return top if top == "flows" else rest.split(".")[0]


def ours(name: str) -> bool:
    return name.split(".")[0] in ("sightline", "flows")


def test_docs_show_the_floors_in_this_order():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = re.findall(r"^    (\w+)/? ", text.split("## Floors")[1].split("\n## ")[0], re.MULTILINE)
    assert drawn == FLOORS[::-1], "docs/architecture.md draws the floors from the top down"


def test_every_package_has_a_floor():
    present = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir()}
    present -= {"__init__", "__pycache__", "py"}
    assert present | {"flows"} == set(FLOORS), "FLOORS names each package and module, once"


def test_a_package_imports_from_below_alone():
    faults = []
    for path in FILES:
        own = floor(module(path))
        for name, line in imports(path):
            # `from sightline import __version__` is no arrow: it stands on the ground
            if not ours(name) or name == "sightline" or floor(name) == own or not own:
                continue
            if FLOORS.index(floor(name)) > FLOORS.index(own):
                faults.append(
                    f"{place(path, line)}: {own} imports {name}, which is above it: move what both "
                    "need down, or hand it in"
                )
    check(faults)


def test_no_module_imports_in_a_circle():
    graph = {
        module(path): {name for name, _ in imports(path) if name in modules()} - {module(path)}
        for path in FILES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])), pytrace=False)


def test_nothing_imports_the_packages_front_door():
    """`sightline.load` is for other people's programs; __version__ is all that we take from it."""
    check(
        f"{place(path, node.lineno)}: {alias.name} of sightline/__init__.py: import its module"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module == "sightline"
        for alias in node.names
        if f"sightline.{alias.name}" not in modules() and alias.name != "__version__"
    )


def test_each_library_is_at_home_in_a_few_packages():
    faults = []
    for path in FILES:
        own = floor(module(path))
        for name, line in imports(path):
            library = name.split(".")[0]
            if ours(name) or library in sys.stdlib_module_names or library == "__future__":
                continue
            homes = HOMES.get(COMES_WITH.get(library, library), set())
            if own not in homes:
                faults.append(
                    f"{place(path, line)}: {library} is imported in "
                    f"{', '.join(sorted(homes)) or 'no package'} alone: ask one of those, or give "
                    "it a home in HOMES, with its reason in docs/dependencies.md"
                )
    check(faults)


def test_each_library_is_one_that_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = project["dependencies"] + extras["pipeline"] + extras["serve"] + extras["sign"]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in asked}
    names.add("openvino")  # a person installs it to measure it; an error says so where it lacks
    assert {PROJECTS.get(library, library) for library in HOMES} <= names


BARE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ImportError("refused: " + name)
sys.meta_path.insert(0, Refuse())
import {module}
"""


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("sightline.cli", {"torch", "mlflow", "dvc", "onnxruntime", "numpy", "pydantic", "yaml"}),
        ("sightline.data.fetch", {"torch", "mlflow", "dvc"}),
        ("sightline.data.preprocess", {"torch", "mlflow", "dvc"}),
        ("sightline.inference.predict", {"torch", "torchvision", "onnx", "mlflow", "dvc"}),
        ("sightline.publishing.verify", {"torch", "mlflow", "dvc", "yaml", "requests"}),
        ("sightline.serving.serve", {"torch", "torchvision", "onnx", "mlflow", "dvc", "requests"}),
        ("sightline.settings.params", {"torch", "mlflow", "dvc", "onnxruntime", "numpy"}),
        ("sightline.tasks", {"torch", "mlflow", "dvc", "onnxruntime"}),
        ("sightline.training.loop", {"mlflow", "dvc", "prefect", "onnx", "PIL", "torchvision"}),
    ],
)
def test_a_module_starts_without_what_its_users_may_not_have(name, refused):
    """What a chain of imports brings in, which reading single files does not show."""
    code = BARE.format(module=name, refused=refused)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
