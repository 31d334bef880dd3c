"""How a training's process keeps its memory."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from sightline.training.device import keep_memory
def faults():
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        b"x" * 40_000_000  # freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults())
keep_memory()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_memory_that_a_step_freed_is_there_for_the_next():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    by_default, kept = map(int, done.stdout.split())
    assert kept < 100 < by_default
