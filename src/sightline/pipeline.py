"""The DVC stage graph as plain data: what there is, what is out of date. The only importer of dvc."""

from pathlib import Path

# Where copies of a workspace are made, seen from the workspace that they are copies of: DVC's
# experiments (`dvc exp run --temp`, `--queue`) and a worker's git worktree for one run.
COPIES = (Path(".dvc/tmp/exps"), Path(".sightline/worktrees"))


def main_root(root: str | Path = ".") -> Path:
    """Return the workspace that outlives `root`: itself, or the one that `root` is a passing copy of.

    State that must survive the run (checkpoints, the MLflow store) is kept there, under .sightline/.
    Read from the path alone, not from `dvc cache dir`, which names a shared cache where one is set.
    """
    root = Path(root).resolve()
    for parent in root.parents:
        for copies in COPIES:
            if parent.parts[-len(copies.parts) :] == copies.parts:
                return parent.parents[len(copies.parts) - 1]
    return root
