"""The stage `sources`: where each dataset comes from, as its own catalogue says."""

import json

import pytest
from support import change, copy_settings

from sightline.cli import main
from sightline.layout import Layout


@pytest.fixture
def layout(tmp_path, monkeypatch):
    copy_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    return Layout(tmp_path)


def sources(layout):
    assert main(["sources"]) == 0
    return {path.stem: json.loads(path.read_text()) for path in layout.sources.iterdir()}


def test_each_dataset_comes_from_the_catalogue_that_it_names(layout):
    change(layout, "datasets.mnist.catalogue", "mirror")
    listed = sources(layout)
    assert listed["mnist"]["catalogue"] == "mirror" and listed["mnist"]["entry"]["real"]
    assert listed["cifar10"]["catalogue"] == "sample" and not listed["cifar10"]["entry"]["real"]


def test_what_is_missing_stops_the_download_of_its_own_dataset_alone(layout, capsys):
    (layout.sources).mkdir(parents=True)
    (layout.sources / "gone.json").write_text("{}")
    change(layout, "datasets.mnist.catalogue", "own")
    listed = sources(layout)
    assert "gone" not in listed
    assert listed["mnist"] == {"catalogue": "own", "entry": None}
    assert main(["download", "mnist"]) == 1
    assert "own.yaml: no dataset 'mnist' in this catalogue" in capsys.readouterr().err
