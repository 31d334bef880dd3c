"""One static HTML page for each dataset: what its models reach, how they got there, what they see.

The page opens from the disk and fetches nothing: charts are SVG and pictures PNG, both inside it.
"""

import logging
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from sightline.drawing.charts import COLOURS
from sightline.errors import SightlineError
from sightline.files import write_atomically
from sightline.layout import Layout
from sightline.report import charts, facts
from sightline.report.page_model import PageModel
from sightline.report.topics import INSIGHT
from sightline.settings import params
from sightline.tasks.words import Topic

logger = logging.getLogger(__name__)


def write_pages(layout: Layout) -> list[Path]:
    """Write a page for each dataset that has trained models; return where they lie.

    Results of different catalogues are never on one page. Raises SightlineError where no model of
    params.yaml has been trained and evaluated.
    """
    names = params.load(layout).models
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
        write_atomically(path, render(group))
    return list(pages)


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
        colours={m.name: COLOURS[place % len(COLOURS)] for place, m in enumerate(models)},
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
