"""Planes against closed forms; each fault seen in other tools is a test here."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from surefoot.errors import SettingError
from surefoot.landscape import (
    Objective,
    TrajectoryRecorder,
    checkpoint_plane,
    grid,
    landscape,
    principal_plane,
    project,
    random_direction,
    random_plane,
    surface_over,
)
from surefoot.landscape.trajectory import least_squares
from surefoot.surfaces import Trajectory

from .closed_form import Point, quadratic_objective, tilted_objective


def trajectory_of(points: np.ndarray, name: str = "path") -> Trajectory:
    count, size = points.shape
    return Trajectory(
        name=name,
        steps=np.arange(count),
        points=points.astype(np.float32),
        layout=(("at", (size,)),),
        losses=np.full(count, np.nan),
    )


@pytest.mark.parametrize("points", [11, 12])
@pytest.mark.parametrize("way", [None, "loop", "stacked"])
def test_every_point_of_a_grid_is_the_closed_form_in_its_own_row(points, way):
    surface = grid(
        tilted_objective(0.5, -0.25),
        "at[0]",
        "at[1]",
        x_range=(-2, 3),
        y_range=(-1, 2),
        points=points,
        gradients=True,
        descent=False,
        way=way,
    )
    x, y = np.meshgrid(surface.x, surface.y)
    np.testing.assert_allclose(surface.losses, x + 10 * y**2 - x * y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(surface.gradients[..., 0], 1 - y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(surface.gradients[..., 1], 20 * y - x, rtol=1e-5, atol=1e-4)
    assert surface.x[0] == -2
    assert surface.x[-1] == 3
    assert surface.center == (0.5, -0.25)


def test_the_minimum_of_a_grid_is_named():
    matrix = torch.diag(torch.tensor([1.0, 4.0], dtype=torch.float64))
    objective = quadratic_objective(matrix, torch.tensor([2.0, 1.0]))
    surface = grid(objective, "at[0]", "at[1]", x_range=(-2, 2), y_range=(-3, 1), points=41)
    x, y, loss = surface.minimum
    assert abs(x) < 1e-6
    assert abs(y) < 1e-6
    assert loss < 1e-10
    assert surface.descent.grid_points == 41 * 41


def test_descent_counts_its_evaluations_and_reaches_the_grids_minimum():
    matrix = torch.diag(torch.tensor([1.0, 4.0], dtype=torch.float64))
    calls = []

    def compute(model, _):
        calls.append(1)
        return 0.5 * model.at @ matrix @ model.at + 1

    objective = Objective(Point(2.0, 1.0).double(), compute=compute)
    # No grid point is the true minimum, so a descent can be as low after finitely many steps.
    surface = grid(objective, "at[0]", "at[1]", x_range=(-2, 2), y_range=(-3, 1), points=40, descent=False)
    from surefoot.landscape import descend

    calls.clear()
    found = descend(objective, surface)
    assert found.evaluations is not None
    assert found.evaluations < 100
    assert (
        len(calls) == found.evaluations + found.gradients - 1
    )  # all gradients but the first repeat a known loss
    assert found.reached <= surface.minimum[2]
    losses = [0.5 * p @ matrix.numpy() @ p + 1 for p in found.path]
    assert all(b < a for a, b in itertools.pairwise(losses))
    assert "1,600" in found.sentence


def test_the_trained_point_is_met_bitwise():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    data = (torch.randn(33, 5), torch.randint(0, 3, (33,)))
    objective = Objective(model, nn.functional.cross_entropy, data)
    surface = random_plane(objective, points=5, way="loop")
    with torch.no_grad():
        plain = nn.functional.cross_entropy(model(data[0]), data[1]).item()
    assert surface.x[2] == 0
    assert surface.losses[2, 2] == plain
    assert surface.center_loss == plain


def test_random_directions_are_not_biased():
    model = nn.Linear(200, 50)
    objective = Objective(model, compute=lambda m, _: m.weight.sum())
    direction = objective.unflat(random_direction(objective, seed=1, normalization="none"))["weight"]
    assert abs(direction.mean()) < 5 / 100  # 5 standard errors of 10,000 draws
    assert 0.47 < (direction > 0).float().mean() < 0.53
    assert abs(direction.std() - 1) < 0.05
    kurtosis = direction.pow(4).mean() / direction.pow(2).mean() ** 2
    assert abs(kurtosis - 3) < 0.3


def test_filter_normalisation_gives_each_filter_the_norm_of_its_own():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        model[0].weight[1] *= 100
        model[2].weight[2] = 0
    objective = Objective(
        model, nn.functional.cross_entropy, (torch.randn(5, 2, 3, 3), torch.randint(0, 3, (5,)))
    )
    direction = objective.unflat(random_direction(objective, seed=5))
    for name in ("0.weight", "2.weight"):
        own = dict(model.named_parameters())[name].detach().flatten(1).norm(dim=1)
        torch.testing.assert_close(direction[name].flatten(1).norm(dim=1), own)
    assert not direction["0.bias"].any()
    moved = objective.unflat(random_direction(objective, seed=5, biases=True))
    torch.testing.assert_close(moved["0.bias"].norm(), model[0].bias.detach().norm())


def test_the_second_random_direction_is_orthogonal_filter_by_filter():
    torch.manual_seed(0)
    objective = Objective(nn.Linear(10, 4), nn.functional.mse_loss, (torch.randn(3, 10), torch.randn(3, 4)))
    first = random_direction(objective, seed=0)
    second = random_direction(objective, seed=1, against=first)
    inner = (objective.unflat(first)["weight"] * objective.unflat(second)["weight"]).sum(1)
    assert inner.abs().max() < 1e-5


def test_coordinates_are_those_of_least_squares_for_directions_of_any_length_and_angle():
    objective = tilted_objective(1.0, 2.0, 3.0)
    one, two = torch.tensor([4.0, 0, 0]), torch.tensor([1.0, 0.5, 0])
    truth = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [-3.0, 0.5]])
    points = np.array([1.0, 2.0, 3.0]) + truth @ torch.stack([one, two]).numpy()
    points[:, 2] += [0, 0, 0.25, -2]
    path = project(objective, trajectory_of(points), [one, two])
    np.testing.assert_allclose(path.points, truth, atol=1e-6)
    np.testing.assert_allclose(path.distances, [0, 0, 0.25, 2], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_projecting_leaves_nothing_of_the_rest_in_the_plane(seed):
    generator = np.random.default_rng(seed)
    basis, points = generator.normal(size=(2, 6)), generator.normal(size=(5, 6))
    coordinates, distances = least_squares(points, basis)
    rest = points - coordinates @ basis
    np.testing.assert_allclose(rest @ basis.T, 0, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(rest, axis=1), distances, atol=1e-9)


def test_a_principal_plane_holds_a_flat_path_whole_and_says_so():
    angle = np.linspace(0, 3, 20)
    flat = np.stack([np.cos(angle), np.sin(angle), np.ones(20), np.zeros(20)], 1)
    objective = tilted_objective(*flat[-1].tolist())
    surface = principal_plane(objective, trajectory_of(flat), points=9)
    assert sum(surface.explained) == pytest.approx(1, abs=1e-6)
    assert surface.paths[0].distances.max() < 1e-6
    assert np.abs(surface.paths[0].points[-1]).max() < 1e-6  # the trained point is the origin
    assert (surface.x == 0).any()
    assert (surface.y == 0).any()
    chords = np.linalg.norm(np.diff(flat, axis=0), axis=1)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(surface.paths[0].points, axis=0), axis=1), chords, rtol=1e-4
    )
    assert "100.0 %" in surface.statement


def test_variance_and_distance_of_a_path_that_leaves_its_plane():
    # Displacements 3, 2 and 1 along three axes: squares 9, 4 and 1.
    path = np.diag([3.0, 2.0, 1.0])
    objective = tilted_objective(0.0, 0.0, 0.0)
    surface = principal_plane(objective, trajectory_of(path), points=5)
    assert surface.explained == (pytest.approx(9 / 14), pytest.approx(4 / 14))
    np.testing.assert_allclose(surface.paths[0].distances, [0, 0, 1], atol=1e-6)


def test_several_paths_share_a_plane():
    ramp = np.linspace(1, 0, 6)[:, None]
    one, two = ramp * [1.0, 0, 0], ramp * [0, 2.0, 0]
    objective = tilted_objective(0.0, 0.0, 0.0)
    surface = principal_plane(objective, [trajectory_of(one, "SGD"), trajectory_of(two, "Adam")], points=5)
    assert [p.name for p in surface.paths] == ["SGD", "Adam"]
    assert max(p.distances.max() for p in surface.paths) < 1e-6
    assert surface.statement.endswith("all paths lie on it")


def test_a_plane_through_checkpoints_meets_all_three():
    objective = tilted_objective(0.0, 1.0, 0.0)
    first, second = {"at": torch.tensor([2.0, 1.0, 0.0])}, {"at": torch.tensor([1.0, 3.0, 1.0])}
    surface = checkpoint_plane(objective, first, second, points=7, names=("A", "B"))
    a, b = surface.paths
    assert max(a.distances[0], b.distances[0]) < 1e-6
    np.testing.assert_allclose(a.points[0], [2, 0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(b.points[0]), np.sqrt(1 + 4 + 1), rtol=1e-6)
    assert a.losses[0] == pytest.approx(2 + 10 - 2)
    assert sum(surface.explained) == pytest.approx(1)


def test_a_grid_draws_a_path_at_its_true_values():
    objective = tilted_objective(1.0, 2.0)
    path = np.array([[5.0, 6.0], [3.0, 3.0], [1.0, 2.0]])
    surface = grid(objective, "at[0]", "at[1]", points=5, trajectories=[trajectory_of(path)], descent=False)
    np.testing.assert_allclose(surface.paths[0].points, path, atol=1e-6)


def test_one_call_picks_the_picture():
    model = nn.Linear(1, 1)
    data = (torch.randn(8, 1), torch.randn(8, 1))
    loss = nn.functional.mse_loss
    assert landscape(model, loss, data, points=5).kind == "grid"
    assert landscape(model, loss, data, x="bias", points=5).kind == "parameter"
    assert landscape(model, loss, data, checkpoints=[nn.Linear(1, 1).state_dict()]).kind == "between"
    other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    pairs = (torch.randn(8, 2), torch.randn(8, 1))
    assert landscape(other, loss, pairs, points=5).kind == "random"
    recorder = TrajectoryRecorder(other)
    for _ in range(4):
        recorder.record()
        with torch.no_grad():
            for p in other.parameters():
                p += torch.randn_like(p)
    recorder.record()
    assert landscape(other, loss, pairs, trajectories=recorder.trajectory(), points=5).kind == "principal"


def test_the_room_is_its_own_short_way_in():
    from surefoot import landscape as room

    data = (torch.randn(8, 1), torch.randn(8, 1))
    assert room(nn.Linear(1, 1), nn.functional.mse_loss, data, points=3).kind == "grid"
    assert room.grid is grid


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda o: grid(o, "at[0]", "at[0]"), "two different scalars"),
        (lambda o: grid(o, "at[0]", "at[9]"), r"write at\[0\]"),
        (lambda o: grid(o, "at[0]", "weight"), "no parameter 'weight'"),
        (lambda o: grid(o, "at[0]", "at[1]", points=1), "at least 2"),
        (lambda o: grid(o, "at[0]", "at[1]", x_range=-1.0), "positive"),
        (random_plane, "biases=True"),
        (lambda o: random_plane(o, normalization="rows"), "choose"),
        (lambda o: principal_plane(o, []), "needs a trajectory"),
        (lambda o: checkpoint_plane(o, {"at": torch.ones(2)}, {"at": 2 * torch.ones(2)}), "on a line"),
        (lambda o: checkpoint_plane(o, {}, {}), "missing in the checkpoint"),
        (lambda o: surface_over(o, [torch.ones(2)] * 2, np.zeros(2), np.zeros(2)), "parallel"),
        (lambda o: surface_over(o, [torch.ones(3), torch.ones(2)], np.zeros(2), np.zeros(2)), "does not fit"),
        (lambda o: grid(o, "at[0]", "at[1]", points=3, way="magic"), "no way 'magic'"),
        (lambda o: principal_plane(o, trajectory_of(np.zeros((4, 2)))), "stands still"),
        (lambda o: principal_plane(o, trajectory_of(np.zeros((4, 3)))), "other parameters"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(SettingError, match=message) as caught:
        call(tilted_objective(0.0, 0.0))
    assert "\n" not in str(caught.value)


def test_the_same_seed_gives_the_same_surface_bitwise():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    data = (torch.randn(9, 3), torch.randn(9, 1))
    runs = [
        random_plane(Objective(model, nn.functional.mse_loss, data), points=5, seed=4, way="loop")
        for _ in range(2)
    ]
    assert runs[0].losses.tobytes() == runs[1].losses.tobytes()
