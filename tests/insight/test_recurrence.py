"""Gradients through time in closed form, gates from their biases, accuracy row by row."""

import numpy as np
import pytest
import torch
from exported import MODELS
from torch.nn import functional

from sightline.data.arrays import load_split
from sightline.insight import recurrence
from sightline.models.trained import TrainedModel, load_model
from sightline.networks.layers import normalise
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Optimizer, Recipe
from sightline.training.loop import train

RECURRENT = [name for name in MODELS if name.split("-")[0] in ("rnn", "irnn", "lstm", "gru")]
IMAGES = torch.randint(0, 256, (5, 6, 4, 1), generator=torch.manual_seed(0), dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 2, 0, 1])


def model(network: str, **settings) -> TrainedModel:
    description = {
        "network": network,
        "task": "classify",
        "recipe": {"network": {"hidden_size": 3} | settings},
        "shape": [6, 4, 1],
        "outputs": 3,
        "seed": 0,
        "data": {"mean": [0.5], "std": [0.25]},
    }
    torch.manual_seed(1)
    return TrainedModel(description).eval()


def test_a_recurrence_that_halves_has_gradients_that_halve():
    """h_t = ReLU(h_{t-1} / 2 + 1): dLoss/dh_t = (1/2)^(T-t) W^T (p - y), in closed form."""
    it = model("irnn")
    (cell,), head = it.network.onward, it.network.head
    with torch.no_grad():
        cell.weight_hh_l0.copy_(torch.eye(3) / 2)
        cell.weight_ih_l0.zero_()
        cell.bias_ih_l0.fill_(1)
        cell.bias_hh_l0.zero_()
    last = torch.full((3,), sum(0.5**k for k in range(6)))
    p = (head.weight @ last + head.bias).softmax(0)
    wrong = p - functional.one_hot(LABELS, 3)
    at_the_end = (wrong @ head.weight).norm(dim=1).mean().item()
    norms = recurrence.gradient_norms(it, IMAGES, LABELS)
    expected = [at_the_end * 0.5 ** (5 - t) for t in range(6)]
    assert norms.tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("network", ["rnn", "lstm", "gru"])
def test_the_gradient_is_that_of_a_nudge_to_the_state(network):
    """The first state nudged by hand, the rest recomputed: a difference quotient."""
    it = model(network).double()  # a difference quotient needs the digits
    x = normalise(IMAGES[:1], it.mean, it.std)

    def loss(nudge: torch.Tensor) -> float:
        sequence, cell = it.network.steps(x).transpose(0, 1), it.network.onward[0]
        _, state = cell(sequence[:1])
        state = (state[0] + nudge, state[1]) if network == "lstm" else state + nudge
        states, _ = cell(sequence[1:], state)
        return functional.cross_entropy(it.network.head(states[-1]), LABELS[:1]).item()

    nudges = 1e-5 * torch.eye(3, dtype=torch.float64)
    slopes = [(loss(nudge) - loss(-nudge)) / 2e-5 for nudge in nudges]
    norms = recurrence.gradient_norms(it, IMAGES[:1], LABELS[:1])
    assert norms[0] == pytest.approx(np.linalg.norm(slopes), rel=1e-5)


@pytest.mark.parametrize("name", RECURRENT)
def test_unrolled_computes_what_the_layer_computes_and_is_taken_out_again(name):
    network, settings = MODELS[name]
    it = model(network, **settings)
    expected, before = it(IMAGES)["logits"], it.network.onward[-1]
    with recurrence.unrolled(it.network) as layer:
        assert torch.allclose(it(IMAGES)["logits"], expected, atol=1e-6)
    assert it.network.onward[-1] is before
    steps = it.network.steps(normalise(IMAGES, it.mean, it.std)).shape[1]
    assert len(layer.hidden) == len(layer.inputs) == steps


def test_untrained_is_what_training_begins_with(layout):
    recipe = Recipe(1, 32, Optimizer("adam", 1e-30), network={"hidden_size": 4})  # stands still
    entry = Model("bars", "gru", "classify", "still", seed=7)
    train("still", entry, recipe, Compute("cpu"), layout)
    still = load_model(layout.trained("still"))
    begun = recurrence.untrained(still).state_dict()
    assert all(torch.equal(begun[name], value) for name, value in still.state_dict().items())


@pytest.mark.parametrize(
    ("network", "names"), [("lstm", ["input", "forget", "output"]), ("gru", ["reset", "update"])]
)
def test_gates_are_as_open_as_their_biases_make_them(network, names):
    it = model(network)
    (cell,) = it.network.onward
    places = {"lstm": [0, 1, 3], "gru": [0, 1]}[network]
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
        for index, place in enumerate(places):
            cell.bias_ih_l0[3 * place : 3 * place + 3] = index - 1.0
    opened = recurrence.gates(it, IMAGES[:1])
    assert list(opened) == names
    for index, values in enumerate(opened.values()):
        assert values.shape == (6, 3)
        assert values == pytest.approx(1 / (1 + np.exp(1.0 - index)), abs=1e-6)


def test_gates_make_the_state_that_the_layer_makes():
    """GRU: h_t = (1 - z) n + z h_{t-1}: where z is 1 (an update gate wide open) nothing changes."""
    it = model("gru")
    with torch.no_grad():
        it.network.onward[0].bias_ih_l0[3:6] = 50
    assert recurrence.gates(it, IMAGES[:1])["update"] == pytest.approx(1)
    assert it(IMAGES)["features"].abs().max() < 1e-6


def test_cells_without_gates_have_none():
    assert recurrence.gates(model("rnn"), IMAGES[:1]) == {}


@pytest.mark.parametrize("name", ["irnn", "gru-pixels"])
def test_accuracy_by_rows_is_that_of_images_cut_off_below(layout, name):
    it = load_model(layout.trained(name))
    test = load_split(layout.processed("bars"), "test")
    images, labels = (torch.from_numpy(np.array(array)) for array in test)
    accuracy = recurrence.accuracy_by_rows(it, images, labels)
    predictions = [it(images[:, :rows])["logits"].argmax(1) for rows in range(1, 13)]
    assert accuracy.tolist() == [(p == labels).double().mean().item() for p in predictions]


def test_the_first_step_with_ink_is_that_of_the_first_row_that_is_not_blank():
    images = torch.zeros(4, 6, 4, 1, dtype=torch.uint8)
    images[:2, 2:, 1] = 9  # half of them from row 2, the others from row 4 on
    images[2:, 4:, 1] = 9
    for sequence, expected in (("rows", 2), ("pixels", 8), ("permuted-pixels", 0)):
        network = model("rnn", sequence=sequence).network
        assert recurrence.first_step_with_ink(network, images) == expected
