"""One static HTML page for each dataset: what its models reach, how they got there, what they see.

The page opens from the disk and fetches nothing: charts are SVG and pictures PNG, both inside it.
"""

import logging
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from sightline.drawing.charts import colour
from sightline.errors import SightlineError
from sightline.files import write_atomically
from sightline.layout import Layout
from sightline.report import charts, facts
from sightline.report.page_model import PageModel
from sightline.report.topics import INSIGHT
from sightline.settings import params
from sightline.tasks.words import Topic

logger = logging.getLogger(__name__)

_TITLE = re.compile(r"<title>(\S+) \(\S+\): what the networks see</title>")  # of page.html


def write_pages(layout: Layout) -> list[Path]:
    """Write a page for each dataset that has trained models; return where they lie.

    A page of a dataset that params.yaml has no model of any more is deleted.
    Results of different catalogues are never on one page. Raises SightlineError where no model of
    params.yaml has been trained and evaluated.
    """
    settings = params.load(layout)
    names = settings.models
    models = [model for name in names if (model := PageModel(name, layout)).evaluated]
    if not models:
        raise SightlineError(
            f"{layout.params}: no model in it has been evaluated yet: run `make run`, or "
            f"`dvc repro insight@{next(iter(names), 'MODEL')}` for one of them"
        )
    pages: dict[Path, list[PageModel]] = {}
    for model in models:
        pages.setdefault(layout.page(model.catalogue, model.dataset), []).append(model)
        if not any(model.files.insight.pictures.glob("*")):
            logger.warning("to see inside %s run `dvc repro insight@%s`", model.name, model.name)
    for path, group in pages.items():
        logger.info("%s: %d models", path.name, len(group))
        write_atomically(path, render(group))
    delete_forgotten(layout, {model.dataset for model in settings.models.values()})
    return list(pages)


def delete_forgotten(layout: Layout, datasets: set[str]) -> None:
    """Delete the pages of other datasets than these; an HTML file that is no page of ours stays."""
    for path in layout.pages():
        title = _TITLE.search(path.read_text("utf-8", errors="replace"))
        if title and title[1] not in datasets:
            path.unlink()
            logger.info("%s deleted: params.yaml has no model of %s", path, title[1])


def render(models: list[PageModel]) -> str:
    """Return the page of models that are all of one dataset from one catalogue."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(
        files(__package__ or "").joinpath("page.html").read_text("utf-8")
    )
    by_task: dict[str, list[PageModel]] = {}
    for model in models:
        by_task.setdefault(model.task, []).append(model)
    return template.render(
        data=models[0].data,
        models=models,
        by_task=by_task,
        sharing=[(group, text) for group in by_task.values() if (text := facts.sharing(group))],
        colours={model.name: colour(place) for place, model in enumerate(models)},
        charts=charts,
        facts=facts,
        topics=topics(by_task[task][0] for task in sorted(by_task)),
    )


def topics(one_of_each_task: Iterable[PageModel]) -> list[Topic]:
    """Return the sections of pictures: of insight, then of each task; each picture's name once."""
    sections = {topic.stem: topic for topic in INSIGHT}
    for model in one_of_each_task:
        for topic in model.words.topics:
            sections.setdefault(topic.stem, topic)
    return list(sections.values())
