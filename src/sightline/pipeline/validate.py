"""All that `sightline validate` checks."""

from sightline.layout import Layout
from sightline.models import passed
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
