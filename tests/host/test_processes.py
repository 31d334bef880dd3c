import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sightline.errors import SightlineError
from sightline.host.processes import Children

# a child that starts a grandchild, says both numbers and waits
FAMILY = (
    "import subprocess, os, time, sys;"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(os.getpid(), p.pid, flush=True); time.sleep(600)"
)


@pytest.fixture
def pids():
    """Processes to be killed after the test, whatever became of them in it."""
    pids = []
    yield pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def living(pids: list[str]) -> list[psutil.Process]:
    """Those of `pids` that still run; one that nobody has waited for yet is dead all the same."""
    processes = [psutil.Process(int(pid)) for pid in pids if psutil.pid_exists(int(pid))]
    return [process for process in processes if process.status() != psutil.STATUS_ZOMBIE]


def test_lines_come_one_by_one_with_the_status_and_the_last_lines(tmp_path):
    lines = []
    code = "print('one'); import sys; print('two', file=sys.stderr); sys.exit(3)"
    with Children() as children:
        result = children.run([sys.executable, "-c", code], tmp_path, lines.append)
    assert sorted(lines) == sorted(result.tail) == ["one", "two"]
    assert (result.status, result.timed_out) == (3, False)


def test_a_time_limit_ends_the_whole_family(tmp_path):
    lines = []
    with Children() as children:
        result = children.run([sys.executable, "-c", FAMILY], tmp_path, lines.append, time_limit=2)
    assert result.timed_out
    assert 2 <= result.seconds < 10
    assert living(lines[0].split()) == []


def test_leaving_the_block_ends_what_still_runs_and_starts_nothing_more(tmp_path):
    import threading

    lines, children = [], Children()
    with children:
        thread = threading.Thread(
            target=children.run, args=([sys.executable, "-c", FAMILY], tmp_path, lines.append)
        )
        thread.start()
        while not lines:
            time.sleep(0.05)
    thread.join(timeout=20)
    assert living(lines[0].split()) == []
    with pytest.raises(SightlineError, match="the run is ending"):
        children.run([sys.executable, "-c", "pass"], tmp_path, lines.append)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG and pidfd are Linux's")
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
@pytest.mark.parametrize("victim", ["engine", "dvc"])
def test_a_stage_dies_with_dvc_and_dvc_with_whoever_started_it(tmp_path, shell, victim, pids):
    """As in a run: engine -> dvc -> shell -> stage. Debian's sh stays between, bash does not."""
    if not Path(shell).exists():
        pytest.skip(f"no {shell}")
    (tmp_path / "stage.py").write_text(
        "import os, time\n"
        "from sightline.host.processes import die_with_parent\n"
        "die_with_parent()\n"
        "print(os.getpid(), os.environ['DVC'], flush=True)\n"
        "time.sleep(600)"
    )
    (tmp_path / "dvc.py").write_text(
        "import os, subprocess\n"
        "os.environ['DVC'] = str(os.getpid())\n"
        f"subprocess.run([{shell!r}, '-c', '{sys.executable} stage.py'])"
    )
    engine = (
        "from pathlib import Path\n"
        "from sightline.host.processes import Children\n"
        "with Children() as children:\n"
        f"    command = [{sys.executable!r}, 'dvc.py']\n"
        "    children.run(command, Path(), lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", engine], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    stage, dvc = process.stdout.readline().split()
    pids += [stage, dvc]
    os.kill(process.pid if victim == "engine" else int(dvc), signal.SIGKILL)
    until = time.monotonic() + 5
    while living([stage, dvc]) and time.monotonic() < until:
        time.sleep(0.05)
    assert living([stage, dvc]) == []
    process.wait(timeout=10)


# a program in which the kernel answers pidfd_open with `errno`, as an old one or a container does
WITHOUT_PIDFD = """
import ctypes, struct, sys
from pathlib import Path
# linux/filter.h: load the call's number; 434 (pidfd_open) is refused, all else allowed
program = b"".join(struct.pack("HBBI", *line) for line in [
    (0x20, 0, 0, 0), (0x15, 0, 1, 434), (0x06, 0, 0, 0x50000 | {errno}), (0x06, 0, 0, 0x7FFF0000)])
code = ctypes.create_string_buffer(program)
head = ctypes.create_string_buffer(struct.pack("HP", 4, ctypes.addressof(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, head, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
from sightline.host.processes import die_with_parent
die_with_parent()
print("runs")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_a_stage_runs_where_it_cannot_watch_its_starter(tmp_path, code):
    (tmp_path / "stage.py").write_text(WITHOUT_PIDFD.format(errno=code))
    shell = ["/bin/sh", "-c", f"{sys.executable} stage.py; true"]  # stays between
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "runs\n", done.stderr


def test_a_stage_started_by_hand_outlives_the_terminals_shell_but_not_dvc(tmp_path, pids):
    """`nohup dvc repro &`: the shell above dvc may end, and nothing is told who dvc is."""
    (tmp_path / "stage.py").write_text(
        "import os, time\n"
        "from sightline.host.processes import die_with_parent\n"
        "die_with_parent()\n"
        "print(os.getpid(), os.environ['DVC'], flush=True)\n"
        "time.sleep(600)"
    )
    (tmp_path / "dvc.py").write_text(
        "import os, subprocess\n"
        "os.environ['DVC'] = str(os.getpid())\n"
        f"subprocess.run(['/bin/sh', '-c', '{sys.executable} stage.py; true'])"
    )
    terminal = subprocess.Popen(
        ["/bin/sh", "-c", f"{sys.executable} dvc.py & wait"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    stage, dvc = terminal.stdout.readline().split()
    pids += [stage, dvc]
    terminal.kill()
    terminal.wait()
    time.sleep(1)
    assert [process.pid for process in living([stage, dvc])] == [int(stage), int(dvc)]
    os.kill(int(dvc), signal.SIGKILL)
    until = time.monotonic() + 5
    while living([stage, dvc]) and time.monotonic() < until:
        time.sleep(0.05)
    assert living([stage, dvc]) == []
