"""DVC within this process: its stages one by one, from several threads.

`dvc repro` runs one stage after the other, and starting a dvc for each costs seconds. Here all of
DVC's own work is done under one mutex, which is let go only while the command of a stage runs. The
repository's lock is held throughout, so that no other dvc interferes.

This relies on DVC's insides, which no documentation promises. All of that stands in this module and
in `lock_text`, and is refused with a DVC that it was not tested with.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.errors import SightlineError, TryAgain, one_line
from sightline.files import read_json, write_json
from sightline.layout import Layout
from sightline.pipeline import graph, lock_text
from sightline.pipeline.lock_text import LockText

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage

TESTED = "3.67."  # the releases of DVC whose insides are known
POLL = 1.0  # seconds between two attempts to get DVC's lock

# runs a stage's command: its name, the command line, working folder and environment; raises
# SightlineError where it fails
RunCommand = Callable[[str, str, Path, dict[str, str]], None]

RAN, RESTORED, UNCHANGED = "ran", "restored", "up to date"


class Engine:
    """The stages of one workspace, with DVC's lock held. Made by `opened`."""

    def __init__(self, root: Path, repo: "Repo", run_command: RunCommand):
        self.root = root
        self._repo = repo
        self._run_command = run_command
        self._mutex = threading.Lock()
        self._ran: set[str] = set()
        self._nodes: dict[str, PipelineStage] = {}
        self._lock: LockText | None = None

    def plan(self, targets: Iterable[str] = ()) -> dict[str, graph.Stage]:
        """Return `targets` (stages or kinds of stage; all if empty) and all that they depend on.

        In the order in which `dvc repro` goes through them. Raises SightlineError for an unknown
        target.
        """
        from dvc.repo.reproduce import get_active_graph, plan_repro

        names = graph.stage_names(self._repo)
        active = get_active_graph(self._repo.index.graph)
        known = graph.stages_of(active, names)
        wanted = graph.closure(known, targets)
        steps = plan_repro(active, [n for n in active if names[n.addressing] in wanted])
        self._nodes = {names[node.addressing]: node for node in steps if node.cmd}
        if elsewhere := [name for name in self._nodes if ":" in name]:
            raise SightlineError(
                f"{elsewhere[0]} stands in another dvc.yaml than the root's: run `dvc repro`"
            )
        order = [names[node.addressing] for node in plan_repro(active) if node.cmd]
        self._lock = LockText(Layout(self.root).lock, order, self._old_entries())
        return {name: known[name] for name in self._nodes}

    def reproduce(self, name: str, force: bool = False) -> str:
        """Run one stage if DVC finds it stale; return what became of it: RAN, RESTORED, UNCHANGED.

        May be called from several threads, for stages that do not depend on each other. Raises
        SightlineError where the stage fails.
        """
        from dvc.exceptions import DvcException
        from dvc.lock import LockError

        node = self._nodes[name]
        with self._mutex:
            try:
                upstream = list(self._repo.index.graph.successors(node))
                done = node.reproduce(upstream=upstream, force=force)
                if done is None:
                    return UNCHANGED
                self._save(node)
            except DvcException as error:
                cause = error.__cause__ or error
                kind = TryAgain if isinstance(cause, LockError) else SightlineError
                raise kind(one_line(cause)) from None
        return RAN if name in self._ran else RESTORED

    def stale(self, stages: Mapping[str, graph.Stage], force: bool = False) -> set[str]:
        """Ask DVC what of `stages` is out of date, with what depends on it; all with `force`.

        Whether a stale stage's outputs really differ, DVC decides when its turn comes.
        """
        if force:
            return set(stages)
        with self._mutex:
            return graph.stale_of(self._repo, stages)

    def push(self, names: Iterable[str]) -> None:
        """Send what stages made, and the run cache that tells of it, to the DVC remote.

        Raises TryAgain where the remote cannot be reached.
        """
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            # one that reads what dvc.lock says by now; this one holds the lock for both
            with Repo(str(self.root)) as repo:
                repo._lock_depth = 1
                repo.push(targets=list(names), run_cache=True)
        except (DvcException, OSError) as error:
            raise TryAgain(
                f"push of {', '.join(names)} to the DVC remote: {one_line(error)}"
            ) from None

    def _save(self, node: "PipelineStage") -> None:
        from dvc.stage.serialize import to_lockfile

        assert self._lock is not None
        for name, entry in to_lockfile(node).items():
            self._lock.update(name, entry)

    def _old_entries(self) -> set[str]:
        """Return the stages in dvc.lock as this run began, or the killed run that it takes up."""
        layout = Layout(self.root)
        if layout.own_state.repro.exists():
            return set(read_json(layout.own_state.repro, "delete it"))
        old = lock_text.names(layout.lock)
        write_json(layout.own_state.repro, sorted(old))
        return old

    def _unlocked(self, command: Callable[..., None]) -> Callable[..., None]:
        """What DVC calls to run the command of a stage: here the mutex is let go around it."""

        def run(stage: "PipelineStage", *args: Any, **kwargs: Any) -> None:
            self._mutex.release()
            try:
                command(stage, *args, **kwargs)
            finally:
                self._mutex.acquire()

        return run

    def _run(self, executable: str | None, cmd: str, **kwargs: Any) -> None:
        """What DVC calls to run one line of a command."""
        environment = kwargs["env"]
        name = environment["DVC_STAGE"]
        self._ran.add(name)
        self._run_command(name, cmd, Path(kwargs["cwd"]), environment)


@contextlib.contextmanager
def opened(root: Path, run_command: RunCommand, on_wait: Callable[[str], None]) -> Iterator[Engine]:
    """Give the engine of a workspace, which holds DVC's lock as long.

    Another dvc at work there is waited for, and `on_wait` told so. Raises SightlineError for a DVC
    that this module was not tested with, and for a project that DVC cannot read.
    """
    import dvc
    import dvc.stage.run as inside
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if not dvc.__version__.startswith(TESTED):
        raise SightlineError(
            f"`sightline repro` was tested with DVC {TESTED}x, this is DVC {dvc.__version__}: "
            "install the locked versions (`make env`), or run `dvc repro`, which does the same, "
            "one stage at a time"
        )
    for package in ("dvc", "dvc_data", "dvc_objects"):
        logging.getLogger(package).setLevel(logging.CRITICAL)  # its progress bars too
    root = root.resolve()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(root))  # DVC takes relative paths from here
        try:
            repo = stack.enter_context(Repo(str(root)))
            _lock(stack, repo, root, on_wait)
        except DvcException as error:
            raise SightlineError(f"DVC cannot work in {root}: {one_line(error)}") from None
        engine = Engine(root, repo, run_command)
        before = inside.unlocked_repo, inside._run
        inside.unlocked_repo, inside._run = engine._unlocked, engine._run
        try:
            with repo.scm_context(autostage=False, quiet=True):
                yield engine
            Layout(root).own_state.repro.unlink(missing_ok=True)
        finally:
            inside.unlocked_repo, inside._run = before


def _lock(
    stack: contextlib.ExitStack, repo: "Repo", root: Path, on_wait: Callable[[str], None]
) -> None:
    from dvc.lock import LockError
    from dvc.repo import lock_repo

    told = False
    while True:
        try:
            stack.enter_context(lock_repo(repo))
            return
        except LockError:
            if not told:
                on_wait(f"another dvc works in {root}: waiting until it ends")
                told = True
            time.sleep(POLL)
