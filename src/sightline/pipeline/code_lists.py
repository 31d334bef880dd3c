"""The stage `code`: lists of the code that each stage runs, on which the other stages depend."""

from sightline import networks, tasks
from sightline.files import write_atomically
from sightline.layout import Layout
from sightline.stage_code import OF_CATALOGUES, OF_DATASETS, OF_MODELS, OF_WEIGHTS, Code

_OF_NO_MODEL = OF_CATALOGUES + OF_DATASETS + OF_WEIGHTS


def write_lists(layout: Layout) -> None:
    """Write for each stage, network and task the files that its command runs, a line each.

    A line is a file's SHA-256 and its path in src/sightline, as `sha256sum` prints it. A list that
    no stage needs any more is removed.
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
    stages = len(_OF_NO_MODEL + OF_MODELS)
    print(f"{layout.code}: the code of {stages} stages in {len(lists)} lists")
