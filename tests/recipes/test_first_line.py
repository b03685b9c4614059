"""The tutorial's line against its own numbers and a loop in NumPy."""

import numpy as np
import pytest

from surefoot.recipes import first_line


@pytest.fixture
def outcome(trained):
    return trained("first-line")


def test_the_numbers_are_the_chapters(outcome):
    data = outcome.data
    assert [round(value, 4) for value in data["start"]] == [-0.0075, 0.5364]
    assert data["losses of the points"].mean() == pytest.approx(8.9430, abs=5e-5)
    m, b, lowest = data["lowest"]
    assert (round(m, 2), round(b, 2)) == (1.76, 0.38)
    assert lowest == pytest.approx(0.086866, abs=5e-7)
    assert [round(value, 4) for value in data["slopes at the lowest"]] == [-0.8747, -0.1]
    assert [round(value, 2) for value in data["true"]] == [1.76, 0.40]


def test_each_rate_takes_the_path_of_the_plain_loop(outcome):
    data = outcome.data
    x, y = data["x"], data["y"]
    for row in outcome.rows:
        m, b = data["start"]
        losses, norms = [], []
        for _ in range(100):
            errors = m * x + b - y
            slopes = (np.sign(errors) * x).mean(), np.sign(errors).mean()
            losses.append(np.abs(errors).mean())
            norms.append(np.hypot(*slopes))
            m, b = m - row["rate"] * slopes[0], b - row["rate"] * slopes[1]
        loss, norm = data["curves"][row["rate"]]
        # In single precision a point at the line's very middle may lie on its other side.
        np.testing.assert_allclose(loss.values, losses, atol=0.03)
        np.testing.assert_allclose(norm.values, norms, atol=0.35)


def test_how_each_rate_ends(outcome):
    ended = {row["rate"]: row["ended"] for row in outcome.rows}
    assert ended == {
        1.0: "hops",
        0.5: "hops",
        0.1: "hops",
        0.01: "arrived",
        0.001: "still on its way",
        0.0001: "still on its way",
    }
    best = next(row for row in outcome.rows if row["rate"] == 0.01)
    assert 20 < best[first_line._WAY] < 50


def test_the_grids_means_are_those_of_the_plain_loops():
    x, y = np.linspace(-1, 1, 7), np.linspace(-1, 1, 7) ** 3
    axis = np.linspace(-2, 2, 5)
    loss, along_m, along_b = first_line.grid_of(x, y, axis)
    for i, m in enumerate(axis):
        for j, b in enumerate(axis):
            errors = m * x + b - y
            assert loss[i, j] == pytest.approx(np.abs(errors).mean())
            assert along_m[i, j] == pytest.approx((np.sign(errors) * x).mean())
            assert along_b[i, j] == pytest.approx(np.sign(errors).mean())
