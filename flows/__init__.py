"""Prefect flows, and nothing but them. A clone's flows use that clone's package."""

import os
import sys
from pathlib import Path

# A worker's environment has one sightline installed, but serves clones at other commits too.
_package = Path(__file__).resolve().parents[1] / "src"
if _package.is_dir() and str(_package) not in sys.path:
    sys.path.insert(0, str(_package))

# A flow that is run by hand reports to nobody either; Prefect reads these when it is imported.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
