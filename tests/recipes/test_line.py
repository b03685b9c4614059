"""The line by L1 against exact references."""

import itertools

import numpy as np
import pytest

from surefoot import recipes
from surefoot.recipes import line


def exact(x, y):
    """Lowest mean absolute error of all lines: one that passes through two of the points has it."""
    lowest = np.inf
    for i, j in itertools.combinations(range(len(x)), 2):
        m = (y[i] - y[j]) / (x[i] - x[j])
        lowest = min(lowest, np.abs(m * x + y[i] - m * x[i] - y).mean())
    return lowest


def test_grid_and_descent_agree_with_the_exact_minimum(trained):
    outcome = trained("line")
    plain, batched, descent = outcome.rows
    assert (plain["m"], plain["b"]) == (batched["m"], batched["b"])
    assert plain["loss"] == pytest.approx(batched["loss"], rel=1e-5)
    best = exact(outcome.data["inputs"].astype(float), outcome.data["targets"].astype(float))
    assert best <= descent["loss"] * (1 + 1e-6)
    assert descent["loss"] < best + 0.01
    assert descent["loss"] < plain["loss"]
    for name in ("m", "b"):
        assert abs(descent[f"error of {name} / standard error"]) < 3.5
    assert descent["evaluations"] < plain["evaluations"]


def test_the_standard_errors_are_those_of_many_draws():
    rng = np.random.default_rng(0)
    inputs, _ = line._data(recipes.load("line").options(settings={"points": 40}))
    expected = np.array(line.standard_errors(inputs, 0.5))
    x = inputs.numpy().ravel()
    design = np.stack([x, np.ones_like(x)], 1)
    found = []
    for _ in range(300):  # least absolute errors by reweighted least squares
        y = 0.5 * rng.standard_normal(len(x))
        weights = np.ones_like(x)
        for _ in range(40):
            w = design * weights[:, None]
            solution = np.linalg.solve(design.T @ w, w.T @ y)
            weights = 1 / np.maximum(np.abs(y - design @ solution), 1e-4)
        found.append(solution)
    assert np.std(found, axis=0) == pytest.approx(expected, rel=0.15)


def test_the_figure_shows_the_numbers(trained):
    outcome = trained("line")
    figure = recipes.load("line").figure(outcome)
    left, right = figure.axes[:2]
    lines = {text.get_text().partition(":")[0]: text for text in left.get_legend().get_texts()}
    drawn = {item.get_label().partition(":")[0]: item.get_data() for item in left.lines}
    assert drawn.keys() == lines.keys()
    x, y = drawn["gradient descent"]
    m, b = outcome.data["found"]
    assert np.allclose(y, m * x + b)
    assert np.array_equal(drawn["data"][1], outcome.data["targets"])
    path = next(item for item in right.lines if item.get_label() == "gradient descent")
    assert np.allclose(np.array(path.get_data()).T, outcome.data["trajectory"].points, atol=1e-5)


def test_too_low_a_rate_does_not_arrive(trained):
    outcome = trained("line", lr=0.005)
    assert outcome.rows[2]["loss"] > 2 * outcome.rows[0]["loss"]
    assert "never" in outcome.sentences[0] or "not" in outcome.sentences[0]
