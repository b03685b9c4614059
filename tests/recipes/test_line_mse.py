import numpy as np
import pytest

from surefoot import recipes
from surefoot.recipes.line_mse import by_hand


def test_by_hand_and_sgd_take_the_same_path(trained):
    outcome = trained("line-mse")
    assert outcome.data["by hand"].shape == (151, 2)
    assert outcome.data["apart"].max() < 1e-14
    assert np.allclose(*outcome.data["losses"], rtol=1e-12)
    hand, sgd = outcome.rows
    assert hand["m"] == pytest.approx(2, abs=1e-3)
    assert hand["b"] == pytest.approx(1, abs=1e-3)
    assert sgd["last loss"] == pytest.approx(hand["last loss"])


def test_by_hand_against_numerical_slopes():
    x = np.linspace(-1, 1, 7)
    y = 2 * x + 1
    points, losses = by_hand(x, y, 0.1, 3)

    def loss(m, b):
        return np.mean((m * x + b - y) ** 2)

    h = 1e-6
    for (m, b), after, value in zip(points, points[1:], losses, strict=False):
        slopes = [
            (loss(m + h, b) - loss(m - h, b)) / (2 * h),
            (loss(m, b + h) - loss(m, b - h)) / (2 * h),
        ]
        assert after == pytest.approx(np.array([m, b]) - 0.1 * np.array(slopes), abs=1e-8)
        assert value == loss(m, b)


def test_a_rate_beyond_the_edge_diverges(trained):
    outcome = trained("line-mse", lr=1.1)  # the largest curvature is 2
    assert outcome.rows[0]["steps"] < 150
    assert outcome.rows[0]["last loss"] > outcome.rows[0]["first loss"]
    assert outcome.data["apart"].max() < 1e-9


def test_the_figure_shows_both_paths(trained):
    outcome = trained("line-mse", steps=30)
    axes = recipes.load("line-mse").figure(outcome).axes[0]
    drawn = {line.get_label(): np.array(line.get_data()).T for line in axes.lines}
    assert np.array_equal(drawn["by hand"], outcome.data["by hand"])
    assert np.array_equal(drawn["nn.Linear and SGD"], outcome.data["sgd"])
