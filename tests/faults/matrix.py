"""Who is killed, when, and what is lost. `make faults` runs every case and writes docs/faults.md.

Each case: a run is at work on a stage, one process is killed with SIGKILL (which nobody can catch),
then the flow is run again. Checked: equal hashes, no orphan, no lock left, and how often each stage
was executed.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from toy_project import (
    CHAIN,
    PROJECT,
    Server,
    Workspace,
    free_port,
    make_blank,
    starter_of,
    wait_until,
)

WHO = ("stage", "dvc", "engine", "worker", "server")
AWAY = 5  # seconds that a killed server stays away
SLEEP = 10  # seconds that the stage takes which is interrupted


@dataclass(frozen=True)
class Case:
    """One case. `state`: how Prefect reports the run that was hit; `again`: how the next ended."""

    who: str
    when: str
    state: str
    orphans: list[str]
    locks: list[str]
    again: str
    executions: dict[str, int]
    lost: list[str]


def inflict(server: Server, toy: Workspace, who: str, when: str) -> Case:
    """Kill `who` while stage `when` runs, let the dust settle, run the flow again, take stock."""
    wanted, lock = toy.outputs(), toy.locked()
    stage = CHAIN[when]
    chain = toy.invalidate(stage)
    toy.demand(stage, sleep=SLEEP)
    run, engine, worker = begin(server, toy, who)
    pid = wait_until(lambda: toy.runs(stage), f"{stage} at work")
    if who == "server":
        server.end_server()
        time.sleep(AWAY)
        server.start()
    else:
        dvc = starter_of(pid)
        victims = {"stage": pid, "dvc": dvc, "engine": starter_of(dvc)}
        os.kill(victims.get(who) or worker.pid, signal.SIGKILL)
    orphans = []
    if who in ("stage", "dvc", "engine"):
        time.sleep(2)  # far less than the stage would have taken
        orphans = [] if who == "stage" else toy.survivors(stage)
    state = settle(server, run, engine)
    toy.demand(stage, sleep=0)
    again = subprocess.run(
        [sys.executable, "-m", "flows.reproduce"], cwd=toy.root, env=server.env,
        capture_output=True, text=True,
    )  # fmt: skip
    ended = again.stdout + again.stderr
    outputs = toy.outputs()
    lost = [path for path in wanted if outputs.get(path) != wanted[path]]
    if toy.locked() != lock:
        lost.append("dvc.lock")
    return Case(
        who=who,
        when=when,
        state=state,
        orphans=orphans + toy.survivors(),
        locks=held_locks(toy),
        again=ended.rpartition("Finished in state ")[2].splitlines()[0],
        executions={name: toy.executed().count(name) for name in chain},
        lost=lost,
    )


def begin(server: Server, toy: Workspace, who: str):
    """Start a run: by a worker where that is killed, else as a process; return its handles."""
    if who == "worker":
        server.deploy(toy)
        worker = server.start_worker(toy)
        return server.start_run("reproduce/now"), None, worker
    engine = subprocess.Popen(
        [sys.executable, "-m", "flows.reproduce"], cwd=toy.root, env=server.env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    return None, engine, None


def settle(server: Server, run: str | None, engine) -> str:
    """Wait until the run has ended, its processes too; return how it ended, as Prefect says."""
    if run:
        state = server.final(run)["name"]
        return state
    printed, _ = engine.communicate(timeout=180)
    flow_run = re.search(r"runs/flow-run/([0-9a-f-]{36})", printed)[1]
    return server.state(flow_run)["name"]


def held_locks(toy: Workspace) -> list[str]:
    """The locks of this workspace that somebody still holds."""
    held = []
    for path in (toy.root / ".sightline" / "locks").glob("*.lock"):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
            lock.release()
        except Timeout:
            held.append(path.name)
    return held


def main() -> int:
    """Run the whole matrix and print docs/faults.md."""
    cases = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        server = Server(Path(folder) / "prefect", free_port())
        server.start()
        try:
            finished = make_blank(Path(folder) / "finished")
            finished.shell("dvc", "repro", "--quiet")
            finished.commit()
            for who in WHO:
                for when in CHAIN:
                    toy = finished.copy_to(Path(folder) / f"{who}-{when}")
                    cases.append(inflict(server, toy, who, when))
                    print(f"{who} during {when}: {cases[-1]}", file=sys.stderr)
        finally:
            with contextlib.suppress(Exception):
                server.stop()
    print(page(cases))
    return 1 if any(case.lost or case.orphans or case.locks for case in cases) else 0


def page(cases: list[Case]) -> str:
    """Return docs/faults.md."""
    rows = []
    for case in cases:
        twice = [stage for stage, times in case.executions.items() if times > 1]
        cells = [case.who, case.when, case.state, len(case.orphans), len(case.locks), case.again]
        cells += [", ".join(twice) or "none", ", ".join(case.lost) or "nothing"]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return (PROJECT / "tests" / "faults" / "page.md").read_text() + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
