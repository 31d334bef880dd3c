"""Start a training in several processes on this machine with torchrun, and explain what ended one
of them.
"""

import logging
import os
import signal
import sys
import tempfile
from typing import Any

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.run import parse_args, run

from sightline.errors import SightlineError, TryAgain
from sightline.host.processes import PARENT
from sightline.training.ranks import LOST, MEETING


def launch(name: str, processes: int) -> None:
    """Run `sightline train NAME` in so many ranks, to the end of all.

    The first that fails ends the others. Raises SightlineError with that one's error, or with what
    ended it. A signal that would end this process ends the ranks first.
    """
    for logger in ("", ".run", ".elastic"):  # what ended a rank, `explain` says
        logging.getLogger(f"torch.distributed{logger}").setLevel(logging.CRITICAL)
    os.environ[PARENT] = str(os.getpid())  # without it no rank has a reason to go on
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # as torchrun would, with a warning
    with tempfile.TemporaryDirectory(prefix="sightline-ranks-") as folder:
        stay_on_this_machine(folder)
        options = {
            "nproc-per-node": processes,
            "rdzv-backend": "c10d",
            "rdzv-endpoint": f"{folder}/rendezvous",
            "rdzv-conf": "store_type=file",
            "rdzv-id": name,
            "local-addr": "127.0.0.1",
            "log-dir": folder,
        }
        torchrun = [f"--{option}={value}" for option, value in options.items()]
        command = [sys.executable, "-P", "-m", "sightline.cli", "train", name]
        try:
            run(parse_args([*torchrun, "--no-python", *command]))
        except ChildFailedError as error:
            raise explain(name, processes, error.failures) from None
        except SignalException as caught:
            ended_by = caught.sigval
        else:
            return
    signal.signal(ended_by, signal.SIG_DFL)
    os.kill(os.getpid(), ended_by)


def stay_on_this_machine(folder: str) -> None:
    """Have the ranks meet in a file and talk over the loopback device.

    torch's TCPStore, the usual meeting place, takes anybody's word on every network interface.
    """
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    os.environ[MEETING] = f"file://{folder}/ranks"
    loopback = "lo" if sys.platform == "linux" else "lo0"  # the latter on macOS and BSD
    os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = loopback


def explain(name: str, processes: int, failures: dict[int, ProcessFailure]) -> SightlineError:
    """Return what ended the first rank that failed; one that lost a peer failed because of it."""
    rank = min(failures, key=lambda rank: failures[rank].exitcode == LOST)
    failure = failures[rank]
    message: Any = failure.message  # a dict where the rank recorded an error
    recorded = message["message"] if isinstance(message, dict) else None
    if failure.exitcode == LOST:
        how = f"lost the connection to the others ({recorded})"
    elif recorded:  # by `ranks.one_voice`
        kind, _, text = recorded.partition(": ")
        return TryAgain(text) if kind == TryAgain.__name__ else SightlineError(text)
    elif failure.exitcode < 0:
        how = f"was killed by {failure.signal_name()}"
    else:
        how = f"ended with status {failure.exitcode}, its error stands above"
    return SightlineError(
        f"{name}: rank {rank} of {processes} (process {failure.pid}) {how}, and the others were "
        "ended: run the same command again, it goes on from the last checkpoint"
    )
