import numpy as np
import pytest

from surefoot import recipes
from surefoot.recipes import linear_5d


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linear")
    recipe = recipes.load("linear-5d")
    return recipes.run(recipe, recipe.options(out=folder / "out", runs=folder / "runs", quick=True))


def test_steps_are_what_the_batches_say(outcome):
    assert [row["steps in all"] for row in outcome.rows] == [6, 18, 6 * 96]


def test_full_batch_is_the_closed_form(outcome):
    options = recipes.load("linear-5d").options(quick=True)
    inputs, targets = linear_5d._data(options)
    design = linear_5d._design(inputs)
    y = targets[:, 0].double().numpy()
    lowest = outcome.data["lowest"]
    w = np.zeros(6)
    for excess in outcome.data["curves"]["full batch"]["excess"]:
        assert excess == pytest.approx(np.mean((design @ w - y) ** 2) - lowest, rel=1e-3)
        w -= 0.4 * 2 * design.T @ (design @ w - y) / len(y)


def test_one_example_is_ahead_by_epochs_and_full_batch_by_steps(outcome):
    curves = outcome.data["curves"]
    after_an_epoch = {way: curve["excess"][np.argmax(curve["epochs"] >= 1)] for way, curve in curves.items()}
    assert after_an_epoch["one example"] < min(after_an_epoch["mini-batch"], after_an_epoch["full batch"])
    assert curves["full batch"]["excess"][5] < curves["one example"]["excess"][5]
    for curve in curves.values():
        assert (np.diff(curve["seconds"]) >= 0).all()
        assert curve["epochs"][-1] == 6


def test_the_figure_draws_the_curves(outcome):
    sides = recipes.load("linear-5d").figure(outcome).axes
    for axes, clock in zip(sides, ("epochs", "steps", "seconds"), strict=True):
        for line, curve in zip(axes.lines, outcome.data["curves"].values(), strict=True):
            assert np.array_equal(line.get_xdata(), curve[clock])
            assert np.array_equal(line.get_ydata(), curve["excess"])


def test_a_schedule_of_length_one_is_the_whole_training():
    assert linear_5d._over_the_training("linear(1)", 7) == "linear(epochs(7))"
