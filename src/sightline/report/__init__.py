"""One static HTML page for each dataset: what its models reach, how they got there, what they see.

The page opens from the disk and fetches nothing: charts are SVG and pictures PNG, both inside it.
"""

import logging
from importlib.resources import files
from pathlib import Path

from sightline import params
from sightline.errors import SightlineError
from sightline.files import write_atomically
from sightline.insight.drawing import COLOURS
from sightline.layout import Layout
from sightline.report import charts, facts
from sightline.report.result import Result, read
from sightline.report.topics import TOPICS

logger = logging.getLogger(__name__)


def report(layout: Layout) -> list[Path]:
    """Write a page for each dataset that has trained models; return where they lie.

    Results of different catalogues are never on one page. Raises SightlineError where no model of
    params.yaml has been trained and evaluated.
    """
    names = params.load(layout).models
    results = [found for name in names if (found := read(name, layout))]
    if not results:
        raise SightlineError(
            f"{layout.root / 'reports'}: no model has been evaluated yet: run `make run`, or "
            f"`dvc repro insight@{next(iter(names), 'MODEL')}` for one of them"
        )
    pages: dict[Path, list[Result]] = {}
    for found in results:
        pages.setdefault(layout.page(found.catalogue, found.dataset), []).append(found)
        if not any(layout.insight(found.name).glob("pictures/*")):
            logger.warning("to see inside %s run `dvc repro insight@%s`", found.name, found.name)
    for path, some in pages.items():
        write_atomically(path, render(some))
    return list(pages)


def render(results: list[Result]) -> str:
    """Return the page of results that are all of one dataset from one catalogue."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(files(__name__).joinpath("page.html").read_text("utf-8"))
    tasks: dict[str, list[Result]] = {}
    for found in results:
        tasks.setdefault(found.task, []).append(found)
    return template.render(
        data=results[0].data,
        results=results,
        tasks=tasks,
        colours={r.name: COLOURS[place % len(COLOURS)] for place, r in enumerate(results)},
        charts=charts,
        facts=facts,
        topics=TOPICS,
    )
