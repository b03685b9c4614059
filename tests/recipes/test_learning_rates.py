import math

import numpy as np
import pytest

from surefoot import recipes


def test_rates_do_what_the_curvature_says(trained):
    outcome = trained("learning-rates")
    x = np.linspace(0, 1, 50)
    curvature = np.linalg.eigvalsh(2 * np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1]])).max()
    assert outcome.data["curvature"] == pytest.approx(curvature, rel=1e-4)
    for row in outcome.rows:
        assert (row["ended"] == "diverged") == (row["rate"] * curvature > 2)
    stable = [row for row in outcome.rows if row["ended"] == "finished"]
    losses = [row["last loss"] for row in stable]
    assert losses == sorted(losses)  # the higher the better, up to the edge
    assert "0.5" in outcome.sentences[1]


def test_the_gradient_norm_is_a_root_of_squares(trained):
    """Not a sum that is squared: m's and b's slopes have opposite signs along the valley."""
    outcome = trained("learning-rates", rates="0.1", steps=25)
    loss, norm = outcome.data["curves"][0.1]
    x = np.linspace(0, 1, 50)
    m = b = -1.0
    for step in range(25):
        error = m * x + b - (2 * x + 1)
        slopes = 2 * np.mean(error * x), 2 * np.mean(error)
        assert loss.values[step] == pytest.approx(np.mean(error**2), rel=1e-4)
        assert norm.values[step] == pytest.approx(math.hypot(*slopes), rel=1e-3, abs=1e-6)
        m, b = m - 0.1 * slopes[0], b - 0.1 * slopes[1]
    assert slopes[0] * slopes[1] < 0


def test_the_figure_draws_each_rate(trained):
    outcome = trained("learning-rates", rates="0.5,0.1", steps=20)
    _, loss, norm = recipes.load("learning-rates").figure(outcome).axes[:3]
    for axes, part in ((loss, 0), (norm, 1)):
        assert len(axes.lines) == 2
        for line, series in zip(axes.lines, outcome.data["curves"].values(), strict=True):
            assert np.array_equal(line.get_ydata(), series[part].values)


def test_rates_must_be_numbers():
    from surefoot.errors import SettingError

    with pytest.raises(SettingError, match="is no list of numbers"):
        recipes.load("learning-rates").options(settings={"rates": "1,high"}).listed("rates")
