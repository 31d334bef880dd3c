"""Whether networks, tasks and recipes go together: what `sightline validate` says of models."""

import pytest
from support import change, copy_settings

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.models.check import check_models
from sightline.settings import params


@pytest.fixture
def layout(tmp_path) -> Layout:
    """A folder with the project's own params.yaml and catalogues."""
    return copy_settings(tmp_path)


def mistakes(layout: Layout) -> list[str]:
    """What is wrong with the models of params.yaml, a line each."""
    with pytest.raises(SightlineError) as caught:
        check_models(params.load(layout), layout)
    return str(caught.value).splitlines()


def test_the_projects_own_models_are_valid(layout):
    settings = params.load(layout)
    check_models(settings, layout)
    model, recipe = settings.model("mnist-lstm")
    assert (model.network, recipe.network["hidden_size"]) == ("lstm", 128)


@pytest.mark.parametrize(
    ("recipe", "model"),
    [
        ("fast-mnist-99", "mnist-cnn"),
        ("record-mnist", "mnist-cnn"),
        ("record-fashion", "fashion-mnist-cnn"),
        ("record-cifar10-90", "cifar10-cnn"),
        ("record-cifar10-94", "cifar10-cnn"),
    ],
)
def test_a_record_recipe_is_one_override_away(layout, recipe, model):
    change(layout, f"models.{model}.recipe", recipe)
    settings = params.load(layout)
    check_models(settings, layout)
    assert settings.model(model)[1].optimizer.name == "muon"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("models.mnist-cnn.network", "cn", "no network 'cn': did you mean 'cnn'?"),
        ("models.mnist-cnn.task", "clasify", "no task 'clasify': did you mean 'classify'?"),
        ("recipes.mlp-6.network.width", [4], "recipes.mlp-6.network.width: unknown key: did you"),
        ("recipes.mlp-6.network.widths", [0], "(used by models.mnist-mlp)"),
        ("models.mnist-gru.network", "cnn", "recipes.rows-6.network.widths: this key is required"),
        (
            "models.mnist-cnn.task",
            "next-row",
            "models.mnist-cnn: cnn with recipe cnn-4 cannot do next-row: it sees the whole image "
            "at once: take rnn, irnn, lstm or gru",
        ),
        ("recipes.mlp-6.min_rows", 2, "min_rows and bptt_steps are for networks that read"),
    ],
)
def test_what_does_not_go_together_is_named(layout, place, value, message):
    change(layout, place, value)
    lines = mistakes(layout)
    assert message in "\n".join(lines)
    assert all(line.startswith(str(layout.params)) for line in lines)


def test_a_network_may_be_swapped_for_one_that_takes_the_same_settings(layout):
    change(layout, "models.mnist-lstm.network", "gru")
    check_models(params.load(layout), layout)


def test_models_that_are_not_asked_about_do_not_matter(layout):
    change(layout, "models.mnist-cnn.network", "cn")
    check_models(params.load(layout), layout, ["mnist-mlp"])
