"""A cold start, measured from inside a fresh process: `python -m sightline.benchmark.cold`.

It imports what a program needs that takes the file elsewhere, numpy and onnxruntime, and no more.
"""

import json
import resource
import sys
import time
from pathlib import Path


def main(path: str, provider: str, threads: str, batches: str, images: str) -> None:
    """Print as JSON the seconds to import, to open the file and to answer first, and peak memory.

    `images` names a .npy file; `batches`, as 1,256: the first answer is to so many of its images,
    and each further number is asked once, for the memory that it takes.
    """
    start = time.perf_counter()
    import numpy as np
    import onnxruntime

    imported = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(path, options, providers=[provider])
    opened = time.perf_counter()
    examples = np.load(images)
    sizes = [int(size) for size in batches.split(",")]
    loaded = time.perf_counter()
    session.run(None, {"images": examples[: sizes[0]]})
    answered = time.perf_counter()
    if session.get_providers()[0] != provider:
        sys.exit(f"{provider} was asked for, {session.get_providers()[0]} ran")
    peak_bytes_first = peak_bytes()
    for size in sizes[1:]:
        session.run(None, {"images": examples[:size]})
    print(
        json.dumps(
            {
                "import_seconds": imported - start,
                "open_seconds": opened - imported,
                "first_answer_seconds": answered - loaded,
                "peak_bytes_first": peak_bytes_first,
                "peak_bytes": peak_bytes(),
            }
        )
    )


def peak_bytes() -> int:
    """Return the most memory that this process has held at once (resident set).

    From /proc where there is one: getrusage's figure begins with that of the process that forked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


if __name__ == "__main__":
    main(*sys.argv[1:])
