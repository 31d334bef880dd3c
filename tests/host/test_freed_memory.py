"""Memory that was freed: given back where a process runs for long, kept where steps follow."""

import platform
import subprocess
import sys

import pytest

GLIBC = platform.libc_ver()[0] == "glibc"
THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
import psutil
from sightline.host.memory import return_large_blocks

if sys.argv[1] == "called":
    return_large_blocks()

def work(number):
    for _ in range(20):
        kept = []
        block = bytearray(b"x") * (24 << 20)
        kept = [bytearray(b"y") * 200 for _ in range(1000)]
        del block
    return kept

before = psutil.Process().memory_info().rss
with ThreadPoolExecutor(4) as pool:
    kept = list(pool.map(work, range(4)))
    print((psutil.Process().memory_info().rss - before) >> 20)
"""

FAULTS = """
import resource
from sightline.host.memory import keep_large_blocks
def faults():
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        b"x" * 40_000_000  # freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults())
keep_large_blocks()
print(faults())
"""


@pytest.mark.skipif(not GLIBC, reason="the settings are glibc's")
def test_freed_blocks_of_threads_do_not_stay():
    def grown(how: str) -> int:
        command = [sys.executable, "-c", THREADS, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert grown("called") < 10 < grown("not called")


@pytest.mark.skipif(not GLIBC, reason="the settings are glibc's")
def test_memory_that_a_step_freed_is_there_for_the_next():
    command = [sys.executable, "-c", FAULTS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    by_default, kept = map(int, done.stdout.split())
    assert kept < 100 < by_default
