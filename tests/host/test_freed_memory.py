"""Large blocks that threads have freed go back to the system."""

import subprocess
import sys

import pytest

CODE = """
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


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_blocks_of_threads_do_not_stay():
    def grown(how: str) -> int:
        command = [sys.executable, "-c", CODE, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert grown("called") < 10 < grown("not called")
