"""All that `sightline validate` checks."""

from sightline.errors import SightlineError
from sightline.files import write_atomically
from sightline.layout import PIPELINE, Layout
from sightline.models import passed
from sightline.pipeline import model_lines
from sightline.settings import catalogue, params
from sightline.settings.params import Params


def validate(layout: Layout) -> Params:
    """Return params.yaml; SightlineError with a line for each mistake in it or in the catalogue."""
    settings = params.load(layout)
    catalogue.check(settings, layout)
    if not passed.has_passed(layout):
        from sightline.models.check import check_models  # torch

        check_models(settings, layout)
        passed.keep(layout)
    return settings


def complete(layout: Layout, settings: Params, fix: bool) -> list[str]:
    """Return the places of the lines that models lack in dvc.yaml, written there with `fix`.

    Raises SightlineError for any without `fix`: DVC would draw and hand out the other models alone.
    """
    path = layout.root / PIPELINE
    if not path.exists():  # settings alone: there is nothing that could lack a line
        return []
    text, places = model_lines.written(
        path.read_text(encoding="utf-8"), layout, settings, settings.models
    )
    if places and not fix:
        raise SightlineError(
            "\n".join(f"{path} lacks {place}" for place in places)
            + "\n`sightline validate --fix` writes these lines"
        )
    if places:
        write_atomically(path, text)
    return places
