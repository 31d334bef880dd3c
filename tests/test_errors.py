"""Errors: no secret leaves in one."""

import pytest

from sightline.errors import SightlineError, TryAgain, masked

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:s3cret@host:5000/a did not answer", "http://***@host:5000/a did not answer"),
        ("https://s3cret@host/x, https://b/y", "https://***@host/x, https://b/y"),
        ("postgresql+asyncpg://u:s3cret@db/prefect", "postgresql+asyncpg://***@db/prefect"),
        (
            "GET http://host/a?api_key=s3cret&page=2&X-Amz-Signature=s3cret failed",
            "GET http://host/a?api_key=***&page=2&X-Amz-Signature=*** failed",
        ),
        ("{'Authorization': 'Basic s3cret'}", "{'Authorization': 'Basic ***'}"),
        ("refused: Bearer s3cret", "refused: Bearer ***"),
        ("https://host/a?author=somebody", None),
        ("file:///data/pets, a@b.example, top1 = 0.98", None),
        ("params.yaml: recipes.cnn-4.optimizer: this key is required", None),
    ],
)
def test_secrets_in_a_text_are_masked(text, expected):
    assert masked(text) == (expected or text)


def test_an_authors_name_is_no_secret(monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody")
    assert masked("by somebody") == "by somebody"


@pytest.mark.parametrize(
    "variable",
    [
        "MLFLOW_TRACKING_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "PREFECT_API_AUTH_STRING",
        "AWS_SECRET_ACCESS_KEY",
        "SIGHTLINE_NOTIFY_URL",
    ],
)
def test_the_values_of_secret_variables_are_masked(variable, monkeypatch):
    monkeypatch.setenv(variable, "https://hooks.example/T0/s3cret")
    for kind in (SightlineError, TryAgain):
        assert str(kind("to https://hooks.example/T0/s3cret: 404")) == "to ***: 404"
