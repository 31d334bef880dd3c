"""What `sightline repro` would take on more cores: its scheduler, played without running anything.

    python scripts/more_cores.py 1 2 4 8 16 64

In a workspace where everything ran: with the seconds that each stage took there. It does not know
what stages wait for besides cores: the MLflow store takes one model at a time.
"""

import sys
from pathlib import Path

from sightline.layout import Layout
from sightline.pipeline import graph
from sightline.pipeline.run import expected_seconds, room_for_training
from sightline.pipeline.schedule import Room, simulate
from sightline.settings import params


def main() -> None:
    """Print a line for each number of cores."""
    layout = Layout()
    settings, stages = params.load(layout), graph.plan(Path()).stages
    seconds = expected_seconds(layout, stages)
    upstream = {name: stage.upstream for name, stage in stages.items()}
    for cores in map(int, sys.argv[1:]):
        room = Room(cores)
        training = room_for_training(settings, room)
        needs = {n: training if stage.kind == "train" else Room(1) for n, stage in stages.items()}
        print(f"{cores} cores: {simulate(upstream, needs, room, seconds):.0f} s")


if __name__ == "__main__":
    main()
