"""`python -m flows.services up|down`: what `make up` and `make down` call, in the workspace."""

import argparse
import sys
from pathlib import Path

from flows.services.lifecycle import down, up
from sightline.errors import SightlineError


def main() -> int:
    """Start or end everything around the workspace in the current folder."""
    parser = argparse.ArgumentParser(prog="python -m flows.services", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up_options = commands.add_parser("up", help="start what does not run yet")
    up_options.add_argument("--prefect-port", type=int, default=4200)
    up_options.add_argument("--mlflow-port", type=int, default=5000)
    commands.add_parser("down", help="end all that `up` started")
    options = parser.parse_args()
    try:
        if options.command == "up":
            up(Path.cwd(), options.prefect_port, options.mlflow_port)
        else:
            down(Path.cwd())
    except SightlineError as error:
        print(f"sightline: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
