from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.errors import SettingError
from surefoot.landscape import Objective, slice_along_direction, slice_along_parameter, slice_between

from .closed_form import tilted_objective


def test_a_parameters_slice_is_the_closed_form_with_its_slope():
    cut = slice_along_parameter(tilted_objective(2.0, 0.5), "at[1]", span=3.0, points=31)
    y = cut.positions
    np.testing.assert_allclose(cut.losses, 2 + 10 * y**2 - 2 * y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(cut.slopes, 20 * y - 2, rtol=1e-5, atol=1e-4)
    assert cut.positions[15] == cut.center == 0.5
    assert cut.losses[15] == pytest.approx(cut.center_loss)
    assert cut.minimum[0] == pytest.approx(0.1)
    assert cut.low is None


def test_a_range_of_values():
    cut = slice_along_parameter(tilted_objective(2.0, 0.5), "at[0]", span=(-1.0, 1.0), points=5)
    np.testing.assert_allclose(cut.positions, [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(cut.losses, cut.positions + 2.5 - 0.5 * cut.positions, rtol=1e-6)


def test_the_other_parameter_is_averaged_over_its_range():
    # Mean over y in [-1, 1] of x + 10 y^2 - x y on n even points: x + 10 * mean(y^2).
    cut = slice_along_parameter(tilted_objective(0.0, 0.0), "at[0]", others="averaged", points=5, samples=9)
    y = np.linspace(-1, 1, 9)
    every = cut.positions[None] + 10 * y[:, None] ** 2 - cut.positions[None] * y[:, None]
    np.testing.assert_allclose(cut.losses, every.mean(0), rtol=1e-5)
    np.testing.assert_allclose(cut.low, every.min(0), rtol=1e-5)
    np.testing.assert_allclose(cut.high, every.max(0), rtol=1e-5)
    np.testing.assert_allclose(cut.slopes, (1 - y).mean(), rtol=1e-5)
    assert cut.settings["samples"] == 9


def test_many_others_are_drawn_about_their_trained_values():
    cut = slice_along_parameter(
        tilted_objective(0.0, 2.0, 5.0, 5.0),
        "at[0]",
        others="averaged",
        points=3,
        samples=400,
        others_span=0.5,
    )
    expected = 10 * (4 + 0.25 / 3)  # mean of y^2 for y uniform in [1.5, 2.5]
    assert cut.losses[1] == pytest.approx(expected, rel=0.05)


def test_along_a_direction():
    objective = tilted_objective(1.0, 0.0)
    cut = slice_along_direction(objective, torch.tensor([1.0, 1.0]), span=2.0, points=9)
    x, y = 1 + cut.positions, cut.positions
    np.testing.assert_allclose(cut.losses, x + 10 * y**2 - x * y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(cut.slopes, 1 + 20 * y - x - y, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("points", [2, 7, 60, 61])
def test_between_two_checkpoints_both_ends_are_met(points):
    torch.manual_seed(0)
    one, two = nn.Linear(3, 2), nn.Linear(3, 2)
    data = (torch.randn(7, 3), torch.randn(7, 2))
    objective = Objective(one, nn.functional.mse_loss, data)
    cut = slice_between(objective, one.state_dict(), two.state_dict(), points=points)
    for position, model in ((0.0, one), (1.0, two)):
        (index,) = np.flatnonzero(cut.positions == position)
        with torch.no_grad():
            expected = nn.functional.mse_loss(model(data[0]), data[1]).item()
        assert cut.losses[index] == pytest.approx(expected, rel=1e-5)
    assert (np.diff(cut.positions) > 1e-9).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda o: slice_along_parameter(o, "at"), r"write at\[0\]"),
        (lambda o: slice_along_parameter(o, "at[0]", others="fixed"), "choose"),
        (lambda o: slice_along_parameter(o, "at[0]", span=(1, 0)), "no range"),
        (lambda o: slice_along_parameter(o, "at[0]", others="averaged", samples=0), "at least 1"),
        (lambda o: slice_between(o, {"at": torch.ones(2)}, {"at": torch.ones(2)}), "same point"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(SettingError, match=message):
        call(tilted_objective(1.0, 1.0))
