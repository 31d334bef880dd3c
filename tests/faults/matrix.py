"""Who is killed, when, and what is lost. `make faults` runs every case and writes docs/faults.md.

Each case: a run is at work on a stage, one process is killed with SIGKILL (which nobody can catch),
then the same is run again. Checked: equal hashes, no orphan, no lock left, and how often each stage
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

import writers
from filelock import FileLock, Timeout
from toy_project import (
    CHAIN,
    PROJECT,
    Server,
    Workspace,
    free_port,
    make_blank,
    starter_of,
    tool_environment,
    wait_until,
)

FLOW = "reproduce"
PROGRAMS = {"sightline": ["sightline", "repro"], "dvc": ["dvc", "repro"]}
# who is killed, in a run of what: the stage's process, or the program that runs the stages
VICTIMS = [(FLOW, "stage"), (FLOW, "engine"), (FLOW, "worker"), (FLOW, "server")]
VICTIMS += [(program, who) for program in PROGRAMS for who in ("stage", "program")]
AWAY = 5  # seconds that a killed server stays away
SLEEP = 10  # seconds that the stage takes which is interrupted


@dataclass(frozen=True)
class Case:
    """One case. `state`: how the run that was hit ended; `again`: how the next one did."""

    run: str
    who: str
    when: str
    state: str
    orphans: list[str]
    locks: list[str]
    again: str
    executions: dict[str, int]
    lost: list[str]


class Flow:
    """A run of the flow `reproduce`: by a worker where that is killed, else by hand."""

    def __init__(self, server: Server, toy: Workspace, who: str) -> None:
        self.server, self.toy = server, toy
        if who == "worker":
            server.deploy(toy)
            self.worker = server.start_worker(toy)
            self.run = server.start_run("reproduce/now")
            return
        self.run = None
        self.engine = subprocess.Popen(
            [sys.executable, "-m", "flows.reproduce"], cwd=toy.root, env=server.env,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def kill(self, who: str, stage: int) -> None:
        """Kill one process with SIGKILL; a server is started again."""
        if who == "server":
            self.server.end_server()
            time.sleep(AWAY)
            self.server.start()
            return
        victims = {"stage": stage, "engine": starter_of(stage)}
        os.kill(victims.get(who) or self.worker.pid, signal.SIGKILL)

    def state(self) -> str:
        """Wait until the run has ended, its processes too; return how it ended, as Prefect says."""
        if self.run:
            return self.server.final(self.run)["name"]
        printed, _ = self.engine.communicate(timeout=180)
        flow_run = re.search(r"runs/flow-run/([0-9a-f-]{36})", printed)[1]
        return self.server.state(flow_run)["name"]

    def again(self) -> str:
        """Run once more; return the state it ends in."""
        done = subprocess.run(
            [sys.executable, "-m", "flows.reproduce"], cwd=self.toy.root, env=self.server.env,
            capture_output=True, text=True,
        )  # fmt: skip
        return (done.stdout + done.stderr).rpartition("Finished in state ")[2].splitlines()[0]


class Program:
    """A run of `sightline repro` or `dvc repro`."""

    def __init__(self, command: list[str], toy: Workspace) -> None:
        self.command, self.toy = command, toy
        self.process = subprocess.Popen(
            command, cwd=toy.root, env=tool_environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def kill(self, who: str, stage: int) -> None:
        """Kill the stage, or the program itself, with SIGKILL."""
        os.kill(stage if who == "stage" else self.process.pid, signal.SIGKILL)

    def state(self) -> str:
        """Wait until the program has ended; return how."""
        status = self.process.wait(timeout=180)
        return "killed" if status < 0 else f"exit status {status}"

    def again(self) -> str:
        """Run once more; return how it ends."""
        done = subprocess.run(
            self.command, cwd=self.toy.root, env=tool_environment(), capture_output=True
        )
        return f"exit status {done.returncode}"


def inflict(server: Server, toy: Workspace, run: str, who: str, when: str) -> Case:
    """Kill `who` while stage `when` runs, let the dust settle, run it again, take stock."""
    wanted, lock = toy.outputs(), toy.locked()
    stage = CHAIN[when]
    chain = toy.invalidate(stage)
    toy.demand(stage, sleep=SLEEP)
    hit = Flow(server, toy, who) if run == FLOW else Program(PROGRAMS[run], toy)
    hit.kill(who, wait_until(lambda: toy.runs(stage), f"{stage} at work"))
    orphans = []
    if who in ("engine", "program"):
        time.sleep(2)  # far less than the stage would have taken
        orphans = toy.survivors(stage)
    state = hit.state()
    toy.demand(stage, sleep=0)
    again = hit.again()
    outputs = toy.outputs()
    lost = [path for path in wanted if outputs.get(path) != wanted[path]]
    if toy.locked() != lock:
        lost.append("dvc.lock")
    return Case(
        run=run,
        who=who,
        when=when,
        state=state,
        orphans=orphans + toy.survivors(),
        locks=held_locks(toy),
        again=again,
        executions={name: toy.executed().count(name) for name in chain},
        lost=lost,
    )


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
            for run, who in VICTIMS:
                for when in CHAIN:
                    toy = finished.copy_to(Path(folder) / f"{run}-{who}-{when}")
                    cases.append(inflict(server, toy, run, who, when))
                    print(f"{run}, {who} during {when}: {cases[-1]}", file=sys.stderr)
        finally:
            with contextlib.suppress(Exception):
                server.stop()
        written = {name: writers.killed(name, Path(folder) / name) for name in writers.WRITERS}
    print(page(cases, written))
    bad = [case for case in cases if case.lost or case.orphans or case.locks]
    return 1 if bad or any(written.values()) else 0


def page(cases: list[Case], written: dict[str, list[str]]) -> str:
    """Return docs/faults.md."""
    rows = []
    for case in cases:
        twice = [stage for stage, times in case.executions.items() if times > 1]
        cells = [case.run, case.who, case.when, case.state, len(case.orphans), len(case.locks)]
        cells += [case.again, ", ".join(twice) or "none", ", ".join(case.lost) or "nothing"]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    files = [
        f"| {name} | {writers.KILLS} | {', '.join(faults) or 'none'} |"
        for name, faults in written.items()
    ]
    text = (PROJECT / "tests" / "faults" / "page.md").read_text()
    return text.format(cases="\n".join(rows), files="\n".join(files))


if __name__ == "__main__":
    sys.exit(main())
