import math

import numpy as np
import pytest
import torch

from surefoot import recipes
from surefoot.recipes.deep_sigmoid import VARIANTS, layer_norms, network


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deep")
    recipe = recipes.load("deep-sigmoid")
    options = recipe.options(
        out=folder / "out", runs=folder / "runs", quick=True, settings={"epochs": 3, "train": 512}
    )
    return recipes.run(recipe, options)


def test_the_gradient_vanishes_by_the_factor_that_is_stated(outcome):
    plain = outcome.rows[0]
    assert plain["factor of a layer"] == pytest.approx(1 / (4 * math.sqrt(3)), rel=0.25)
    assert plain["first / last layer"] < 1e-6
    assert plain["validation accuracy"] < 0.25


def test_each_cure_raises_the_factor_and_all_together_train(outcome):
    plain, *cures = outcome.rows
    assert [row["network"] for row in outcome.rows] == list(VARIANTS)
    for row in cures:
        assert row["factor of a layer"] > 1.4 * plain["factor of a layer"], row["network"]
    together = cures[-1]
    assert together["last training loss"] < plain["last training loss"]
    assert together["validation accuracy"] > 0.5
    assert 0.5 < together["factor of a layer"] < 2


def test_the_norms_are_those_of_backward():
    """And asking for them changes nothing, batch norm's statistics included."""
    model = network(VARIANTS["together"], 3, 8, seed=0)
    images, labels = torch.randn(16, 64), torch.randint(0, 10, (16,))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = layer_norms(model, images, labels)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    slow = [float(model[place].linear.weight.grad.square().sum().sqrt()) for place in (2, 3, 4)]
    assert found == pytest.approx(slow, rel=1e-5)


def test_the_figure_draws_the_norms(outcome):
    left = recipes.load("deep-sigmoid").figure(outcome).axes[0]
    for line, name in zip(left.lines, VARIANTS, strict=True):
        assert line.get_label() == name
        assert np.array_equal(line.get_ydata(), outcome.data["norms"][name])
