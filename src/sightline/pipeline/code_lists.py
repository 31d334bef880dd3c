"""The stage `code`: what no stage makes and others depend on. Lists of the code that each stage
runs, and the folder that stands for random values to begin with.
"""

from sightline import networks, tasks
from sightline.files import write_atomically
from sightline.layout import Layout
from sightline.stage_code import OF_CATALOGUES, OF_DATASETS, OF_MODELS, OF_WEIGHTS, Code

_OF_NO_MODEL = OF_CATALOGUES + OF_DATASETS + OF_WEIGHTS

# its bytes are a dependency of every such training: another text would run them all again
RANDOM_VALUES = """\
A model with `start: random` begins with random values: this folder stands for them, \
because every training of
dvc.yaml depends on `trained/${item.start}`. A change of this file runs every training again.
"""


def write_lists(layout: Layout) -> None:
    """Write for each stage, network and task the files that its command runs, a line each.

    A line is a file's SHA-256 and its path in src/sightline, as `sha256sum` prints it. A list that
    no stage needs any more is removed. What a model with `start: random` begins with gets a folder.
    """
    package = layout.package / networks.__name__.partition(".")[0]
    code = Code(package)
    lists = {stage: code.of(stage) for stage in _OF_NO_MODEL}
    for stage in OF_MODELS:
        for network in networks.names():
            for task in tasks.names():
                lists[f"{stage}-{network}-{task}"] = code.of(stage, network, task)
    for old in layout.code.glob("*.txt"):
        if old.stem not in lists:
            old.unlink()
    for name, files in lists.items():
        lines = (f"{code.digest(file)}  {file}\n" for file in files)
        write_atomically(layout.code / f"{name}.txt", "".join(lines))
    write_atomically(layout.random_values, RANDOM_VALUES)
    stages = len(_OF_NO_MODEL + OF_MODELS)
    print(f"{layout.code}: the code of {stages} stages in {len(lists)} lists")
