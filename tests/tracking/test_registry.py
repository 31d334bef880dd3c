"""Registered models and the champion among them."""

import numpy as np
import pytest
from census import TITLE, champion, client, run_of
from results import make_results

from sightline.layout import Layout
from sightline.tracking import connection, store
from sightline.tracking.log import log


def test_the_champion_answers_as_an_mlflow_model(project, monkeypatch):
    log("mnist-cnn", make_results(project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.find(Layout(project)).uri)
    import mlflow

    model = mlflow.pyfunc.load_model(f"models:/{TITLE}@champion")
    assert model.metadata.signature.inputs.input_names() == ["images"]
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 4, 4, 1)
    answer = model.predict({"images": np.full((2, 4, 4, 1), 9, np.uint8)})
    assert answer["probabilities"].sum(1) == pytest.approx([1, 1])
    # the file is ours, byte for byte in its graph: a run outside MLflow is the same model
    import onnx

    logged = mlflow.onnx.load_model(f"models:/{TITLE}@champion")
    assert logged == onnx.load(project / "models/mnist-cnn/model.onnx")


def test_champion_is_the_best_on_val_among_equals(project):
    def logged(name, **results):
        log(name, make_results(project, name, **results))
        return champion(project)

    assert logged("mnist-lstm", val_top1=None) is None  # no val split: never chosen
    assert logged("mnist-cnn", val_top1=0.90) == 2
    assert logged("mnist-mlp", val_top1=0.85) == 2
    assert logged("mnist-gru", val_top1=0.95) == 4
    assert logged("mnist-rnn", val_top1=0.95) == 4  # of two equals the older one
    assert logged("mnist-irnn", val_top1=0.5, data_md5="e" * 32) == 6  # another val split
    assert logged("mnist-cnn", val_top1=0.6, data_md5="e" * 32) == 7


def test_a_version_that_somebody_registered_by_hand_is_no_rival(project):
    log("mnist-cnn", make_results(project, val_top1=0.9))
    with connection.connected(store.find(Layout(project))) as tracking:
        ours = tracking.get_model_version(TITLE, "1")
        for tags in ({}, {"val_top1": "0.99"}):
            tracking.create_model_version(TITLE, ours.source, ours.run_id, tags)
    log("mnist-lstm", make_results(project, "mnist-lstm", val_top1=0.95))
    assert champion(project) == 4
    # a run that is completed finds its own version, not one made by hand from its run
    tracking = client(project)
    tracking.delete_tag(run_of(tracking, "mnist-cnn").info.run_id, store.COMPLETE)
    log("mnist-cnn", make_results(project, val_top1=0.9))
    assert len(tracking.search_model_versions(f"name = '{TITLE}'")) == 4


def test_another_catalogue_is_another_experiment_and_registered_model(project):
    log("mnist-cnn", make_results(project))
    log("mnist-cnn", make_results(project, catalogue="mirror"))
    tracking = client(project)
    assert {e.name for e in tracking.search_experiments()} == {TITLE, "mirror-mnist-classify"}
    real = tracking.get_registered_model("mirror-mnist-classify")
    assert "Not real data" not in real.description
