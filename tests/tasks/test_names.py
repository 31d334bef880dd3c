"""No module outside tasks/ names a task, or what only one task has."""

import re
from pathlib import Path

from sightline import tasks

ROOT = Path(__file__).parents[2]
SHARED = {"loss"}  # a figure that training has for every task


def test_no_module_outside_tasks_names_a_task_its_figures_or_its_outputs():
    words = [tasks.words(name) for name in tasks.names()]
    named = {name for known in words for name in (*known.figures, *known.outputs)} - SHARED
    names = {form for name in tasks.names() for form in (name, name.replace("-", "_"))} | named
    # as a string, a key or a column, in code and in templates; prose and matplotlib's `rotation=`
    # are free
    quoted = re.compile(rf"""["'_](?:{"|".join(map(re.escape, sorted(names)))})["'_/.]""")
    files = [
        *(path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".html")),
        *(ROOT / "flows").rglob("*.py"),
    ]
    outside = [path for path in files if "tasks" not in path.relative_to(ROOT).parts]
    assert len(outside) > 100
    guilty = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in outside
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if quoted.search(line)
    ]
    assert not guilty, "\n".join(guilty)
