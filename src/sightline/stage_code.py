"""Which code each stage runs.

A stage is out of date when code changes that its command runs, and not when other code does. That
code is found by following the imports from the command's function in cli.py, those inside functions
too. Two imports go by a name in params.yaml: a network and a task are files and folders of their
own, so there is a list for each pair of them.
"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

OF_CATALOGUES = ("sources",)
OF_DATASETS = ("download", "preprocess")
OF_WEIGHTS = ("weights",)
OF_MODELS = ("train", "evaluate", "insight", "export", "log")

# Changes in these make no stage out of date, because they decide no byte of what a stage leaves.
EXEMPT = {
    "__init__.py": "what a program imports; no stage calls its `load`",
    "arguments.py": "what is typed; what a stage is given stands in dvc.yaml",
    "cli.py": "carries names to functions; what it hands over stands in params.yaml",
    "errors.py": "a stage that raises leaves nothing",
    "files.py": "writes what it is given, all of it or nothing",
    "layout": "where files lie: dvc.yaml has the same paths, and a test holds the two together",
    "stage_code.py": "says what is out of date, and what a checkpoint goes with",
    "settings": "reads and checks params.yaml and the catalogues, on whose values stages depend",
    "host": "locks, processes, processors: only the timing, which is no output, tells of them",
}
_PARTS_OF_A_TASK = ("task", "words", "evaluation", "insight")


class Code:
    """The package of the stages' code in `folder`, each file of which is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trees: dict[str, ast.Module] = {}
        self._imports: dict[str, list[str]] = {}

    def of(self, stage: str, network: str = "", task: str = "") -> list[str]:
        """Return the files that the command of a stage may import, as paths in the package.

        `network` and `task` are those of the model, by which two imports are chosen. Files with a
        docstring alone are left out, and what is EXEMPT.
        """
        commands = self._tree("cli.py").body
        (command,) = (n for n in commands if isinstance(n, ast.FunctionDef) and n.name == stage)
        files: set[str] = set()
        todo = list(self._imported_by(command))
        while todo:
            file = todo.pop()
            if "{" in file:  # chosen by name
                file = file.format(network=network, task=task.replace("-", "_"))
                if not (self.folder / file).is_file():
                    continue  # a task without an insight of its own, a stage without a network
            if file in files or not {file, file.split("/")[0]}.isdisjoint(EXEMPT):
                continue
            files.add(file)
            todo += self._imports_of(file)
        return sorted(file for file in files if _has_code(self._tree(file)))

    def digest(self, file: str) -> str:
        """Return the SHA-256 of a file, in hexadecimal digits."""
        return hashlib.sha256((self.folder / file).read_bytes()).hexdigest()

    def _tree(self, file: str) -> ast.Module:
        if file not in self._trees:
            self._trees[file] = ast.parse((self.folder / file).read_bytes(), file)
        return self._trees[file]

    def _imports_of(self, file: str) -> list[str]:
        if file not in self._imports:
            self._imports[file] = list(self._imported_by(self._tree(file)))
        return self._imports[file]

    def _imported_by(self, node: ast.AST) -> Iterator[str]:
        """Yield the files of the package that a piece of code imports, by statement or by name."""
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from self._named_in(node)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "networks.module":
                yield "networks/{network}.py"
            elif called in [f"tasks.{part}" for part in _PARTS_OF_A_TASK]:
                yield f"tasks/{{task}}/{called.removeprefix('tasks.')}.py"
        for child in ast.iter_child_nodes(node):
            yield from self._imported_by(child)

    def _named_in(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            package, *parts = f"{base}{alias.name}".split(".")
            if package != self.folder.name:
                continue
            module = self.folder.joinpath(*parts)
            for folder in (module, *module.parents):
                if folder.is_relative_to(self.folder):
                    for file in (folder.with_suffix(".py"), folder / "__init__.py"):
                        if file.is_file():
                            yield file.relative_to(self.folder).as_posix()


def _has_code(tree: ast.Module) -> bool:
    """Whether a file holds more than its docstring."""
    return any(
        not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in tree.body
    )
