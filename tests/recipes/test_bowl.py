import numpy as np
import pytest
import torch

from surefoot import recipes
from surefoot.recipes.bowl import Bowl, best_settings


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bowl")
    recipe = recipes.load("bowl")
    return recipes.run(recipe, recipe.options(out=folder / "out", runs=folder / "runs", quick=True))


def test_paths_against_their_equations(outcome):
    """Gradient descent and the heavy ball in NumPy, on the narrow bowl."""
    surface = outcome.data["surfaces"][1]
    curvatures = np.array([2.0, 100.0])
    settings = best_settings(*curvatures, 0.1)
    for name in ("gradient descent", "momentum"):
        path = next(path for path in surface.paths if path.name == name)
        options = settings[name][1]
        w, v = np.array([-3.5, 0.8]), np.zeros(2)
        for point in path.points[:60]:
            assert point == pytest.approx(w, abs=2e-4)
            v = options.get("momentum", 0.0) * v + curvatures * w
            w = w - options["lr"] * v


def test_momentum_needs_about_the_root_of_the_steps(outcome):
    key = "steps until within 0.01"
    steps = {(row["bowl"], row["optimizer"]): row[key] for row in outcome.rows}
    narrow = "w0² + 50 w1²"
    assert 3 < steps[narrow, "gradient descent"] / steps[narrow, "momentum"] < 7.1
    assert steps[narrow, "Nesterov"] < steps[narrow, "gradient descent"]
    # Adam scales each coordinate, so the condition number hardly counts.
    assert steps[narrow, "Adam"] == pytest.approx(steps["w0² + 4 w1²", "Adam"], rel=0.1)
    assert steps[narrow, "RMSprop"] is None


def test_a_turned_bowl_has_the_same_curvatures():
    bowl = Bowl(50.0, (1.0, 2.0), angle=30.0)
    hessian = torch.autograd.functional.hessian(lambda w: w @ bowl.shape @ w, bowl.w.detach())
    assert torch.linalg.eigvalsh(hessian).tolist() == pytest.approx([2.0, 100.0], rel=1e-4)


def test_the_figure_draws_the_distances(outcome):
    figure = recipes.load("bowl").figure(outcome)
    below = figure.axes[3]
    for line, path in zip(below.lines, outcome.data["surfaces"][1].paths, strict=False):
        assert line.get_label() == path.name
        assert np.allclose(line.get_ydata(), np.maximum(np.hypot(*path.points.T), 1e-9))


def test_steps_that_the_page_gives_for_nesterov():
    """52 at the usual constants; 45 at the optimum of quadratics, Lessard, Recht and Packard 2016, Proposition 1."""
    low, high = 2.0, 100.0
    k = high / low
    usual = best_settings(low, high, 0.1)["Nesterov"][1]
    best = {"lr": 4 / (3 * high + low), "momentum": (np.sqrt(3 * k + 1) - 2) / (np.sqrt(3 * k + 1) + 2)}
    assert (_steps(low, high, **usual), _steps(low, high, **best)) == (52, 45)
    assert "45 steps instead of 52" in " ".join(recipes.load("bowl").page.split())


def _steps(low, high, lr, momentum):
    w, v, curvatures = np.array([-3.5, 0.8]), np.zeros(2), np.array([low, high])
    distances = [np.hypot(*w)]
    for _ in range(400):
        v = momentum * v + curvatures * w
        w = w - lr * (curvatures * w + momentum * v)
        distances.append(np.hypot(*w))
    return int(np.flatnonzero(np.array(distances) > 0.01)[-1]) + 1
