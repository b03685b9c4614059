import math

import numpy as np
import pytest
import torch

from surefoot import recipes
from surefoot.recipes.long_memory import Recall, sequences


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    recipe = recipes.load("long-memory")
    settings = {"growth": 1.1, "length": 40, "steps": 60}
    options = recipe.options(out=folder / "out", runs=folder / "runs", quick=True, settings=settings)
    return recipes.run(recipe, options)


def test_it_explodes_without_clipping(outcome):
    rows = {row["way"]: row for row in outcome.rows}
    assert rows["nothing"]["largest gradient norm, median"] > 1e4
    assert rows["LSTM"]["largest gradient norm, median"] < 100
    assert rows["nothing"]["validation loss, median"] > 0.25
    # Clipped, the weights stay where the gradient is that of the beginning.
    assert rows["clipping by norm"]["largest gradient norm, median"] < 1e4
    losses = {way: loss for way, (loss, _) in outcome.data["curves"].items()}
    assert losses["nothing"].values.max() > 100
    assert losses["clipping by norm"].values.max() < 10


def test_the_gradient_grows_by_the_factor_of_each_step_back():
    torch.manual_seed(0)
    length, growth = 30, 1.1
    inputs, _ = sequences(64, length, 0.0, torch.Generator().manual_seed(0))
    model = Recall(8, growth, length, lstm=False)
    inputs = inputs.abs().requires_grad_()
    with torch.no_grad():
        model.recurrent.weight_ih_l0.abs_()
    model(inputs).sum().backward()
    first, later = inputs.grad[0, 0, 0], inputs.grad[0, 10, 0]
    assert float(first / later) == pytest.approx(growth**10, rel=1e-3)


def test_the_lstm_keeps_its_gates_open_for_the_length():
    model = Recall(4, 1.0, 40, lstm=True)
    bias = model.recurrent.bias_ih_l0 + model.recurrent.bias_hh_l0
    assert torch.sigmoid(bias[4:8]).tolist() == pytest.approx([1 - 1 / 40] * 4, rel=1e-5)
    assert bias[:4].tolist() == pytest.approx([-math.log(39)] * 4)
    assert bias[8:].abs().sum() == 0


def test_what_is_told_is_the_first_number():
    inputs, targets = sequences(500, 9, 0.02, torch.Generator().manual_seed(1))
    assert inputs.shape == (500, 9, 1)
    assert torch.equal(inputs[:, 0], targets)
    assert float(targets.var()) == pytest.approx(1 / 3, rel=0.1)
    assert float(inputs[:, 1:].std()) == pytest.approx(0.02, rel=0.05)


def test_the_figure_draws_what_was_recorded(outcome):
    left = recipes.load("long-memory").figure(outcome).axes[0]
    for line, (way, (_, norm)) in zip(left.lines, outcome.data["curves"].items(), strict=True):
        assert line.get_label() == way
        assert np.array_equal(line.get_ydata(), norm.values)
