"""Write down which files a stage of DVC opens to read: a file a stage in SIGHTLINE_READS.

Python imports this module when it starts, wherever it is on the path.
"""

import os
import sys
from pathlib import Path

STAGE, FOLDER = os.environ.get("DVC_STAGE"), os.environ.get("SIGHTLINE_READS")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def note(event: str, arguments: tuple) -> None:
    """Append the path to the stage's file, by one write, so that processes do not mix."""
    if event != "open" or not isinstance(arguments[0], str):
        return
    path, mode, flags = arguments
    if not (set(mode) & set("wax+") if mode else flags & WRITES):
        os.write(LOG, f"{Path(path).absolute()}\n".encode())


if STAGE and FOLDER:
    LOG = os.open(f"{FOLDER}/{STAGE}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.addaudithook(note)
