"""Surfaces: the loss over a grid of two scalars or a plane through the trained point, with paths on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.errors import SettingError
from surefoot.landscape.descent import descend
from surefoot.landscape.directions import (
    Normalization,
    principal_directions,
    random_direction,
    scalar_direction,
    through_checkpoints,
)
from surefoot.landscape.evaluation import evaluate
from surefoot.landscape.objective import Objective, State
from surefoot.landscape.slices import even_offsets
from surefoot.landscape.trajectory import least_squares, project, refuse_parallel
from surefoot.surfaces import Floats, Path, Surface, SurfaceKind, Trajectory

Range = float | tuple[float, float]


def grid(
    objective: Objective,
    x: str,
    y: str,
    *,
    x_range: Range = 1.0,
    y_range: Range = 1.0,
    points: int = 51,
    trajectories: Sequence[Trajectory] = (),
    gradients: bool = False,
    descent: bool = True,
    **options: Any,
) -> Surface:
    """Loss over a brute-force grid of two scalars, its minimum, and what descent needs instead.

    Args:
        objective: The function.
        x: First scalar: "weight[0, 0]".
        y: Second scalar: "bias[0]".
        x_range: Half the width about the trained value, or (lowest, highest).
        y_range: Likewise.
        points: Along each axis.
        trajectories: Drawn on it.
        gradients: Also the gradient at each point.
        descent: Also count the evaluations a gradient descent over the two scalars needs, from the corner of
            the grid with the highest loss, to reach the loss of the grid's minimum.
        options: Of `evaluate`: way, progress, resume.

    Returns:
        Axes carry the scalars' own values.
    """
    if objective.position_of(x) == objective.position_of(y):
        raise SettingError(f"both axes are {x}; a grid needs two different scalars")
    directions = [scalar_direction(objective, x), scalar_direction(objective, y)]
    center = tuple(float(objective.center[objective.position_of(name)]) for name in (x, y))
    axes = [_axis(r, c, points) for r, c in zip((x_range, y_range), center, strict=True)]
    surface = surface_over(
        objective,
        directions,
        axes[0] - center[0],
        axes[1] - center[1],
        kind="grid",
        names=(x, y),
        trajectories=trajectories,
        gradients=gradients,
        shift=(center[0], center[1]),
        **options,
    )
    if not descent:
        return surface
    return replace(surface, descent=descend(objective, surface))


def random_plane(
    objective: Objective,
    *,
    span: float = 1.0,
    points: int = 51,
    seed: int = 0,
    normalization: Normalization = "filter",
    biases: bool = False,
    trajectories: Sequence[Trajectory] = (),
    gradients: bool = False,
    **options: Any,
) -> Surface:
    """Loss over the plane of two random directions through the trained point.

    Args:
        objective: The function.
        span: Both axes run from -span to span; with filter normalization 1 is the size of the weights
            themselves.
        points: Along each axis; an odd number meets the trained point exactly.
        seed: Of the directions (and seed + 1).
        normalization: See `random_direction`.
        biases: Also move biases and scales.
        trajectories: Drawn on it; expect them far off such a plane.
        gradients: Also the gradient at each point.
        options: Of `evaluate`: way, progress, resume.

    Source: Li et al. 2018, arXiv:1712.09913. Differs: the second direction is orthogonal to the first.
    """
    named: dict[str, Any] = {"normalization": normalization, "biases": biases}
    first = random_direction(objective, seed=seed, **named)
    second = random_direction(objective, seed=seed + 1, against=first, **named)
    offsets = even_offsets(span, points)
    names = (f"random direction, seed {seed}", f"random direction, seed {seed + 1}")
    surface = surface_over(
        objective,
        [first, second],
        offsets,
        offsets,
        kind="random",
        names=names,
        trajectories=trajectories,
        gradients=gradients,
        **options,
    )
    return replace(
        surface, settings={**surface.settings, "normalization": normalization, "seed_directions": seed}
    )


def principal_plane(
    objective: Objective,
    trajectories: Sequence[Trajectory] | Trajectory,
    *,
    points: int = 51,
    margin: float = 0.25,
    gradients: bool = False,
    **options: Any,
) -> Surface:
    """Loss over the plane of the trajectories' two principal components, with their paths on it.

    Args:
        objective: The function; the plane passes through its trained point.
        trajectories: One, or several optimizers' of the same model.
        points: Along each axis.
        margin: Room around the paths, as a share of their extent.
        gradients: Also the gradient at each point.
        options: Of `evaluate`: way, progress, resume.
    """
    given = [trajectories] if isinstance(trajectories, Trajectory) else list(trajectories)
    if not given:
        raise SettingError("a principal plane needs a trajectory; record one with TrajectoryRecorder")
    directions = principal_directions(objective, given)
    paths = [project(objective, t, directions) for t in given]
    x, y = _around([p.points for p in paths], margin, points)
    return surface_over(
        objective,
        directions,
        x,
        y,
        kind="principal",
        names=("first principal component", "second principal component"),
        trajectories=given,
        gradients=gradients,
        **options,
    )


def checkpoint_plane(
    objective: Objective,
    first: State,
    second: State,
    *,
    points: int = 51,
    margin: float = 0.25,
    names: tuple[str, str] = ("first", "second"),
    trajectories: Sequence[Trajectory] = (),
    gradients: bool = False,
    **options: Any,
) -> Surface:
    """Loss over the plane through the trained point and two checkpoints, to scale.

    Args:
        objective: The function.
        first: A state dict; the first axis runs through it.
        second: Another.
        points: Along each axis.
        margin: Room around the three points.
        names: What the checkpoints are called.
        trajectories: Drawn on it.
        gradients: Also the gradient at each point.
        options: Of `evaluate`: way, progress, resume.
    """
    directions = through_checkpoints(objective, first, second)
    center = objective.center.double()
    marks = []
    for name, state in zip(names, (first, second), strict=True):
        vector = objective.flat(state)
        at, distance = least_squares(
            (vector.double() - center)[None].cpu().numpy(),
            torch.stack(list(directions)).double().cpu().numpy(),
        )
        loss = np.array([objective.loss_at(vector)])
        marks.append(Path(name, np.array([0], dtype=np.int64), at, distance, loss))
    extent = [mark.points for mark in marks] + [
        project(objective, t, directions).points for t in trajectories
    ]
    x, y = _around(extent, margin, points)
    surface = surface_over(
        objective,
        directions,
        x,
        y,
        kind="checkpoints",
        names=(f"towards {names[0]}", f"towards {names[1]}, across"),
        trajectories=trajectories,
        gradients=gradients,
        **options,
    )
    paths = (*marks, *surface.paths)
    return replace(surface, paths=paths, explained=_explained(paths, directions))


def surface_over(
    objective: Objective,
    directions: Sequence[Tensor],
    x: Floats,
    y: Floats,
    *,
    kind: SurfaceKind = "custom",
    names: tuple[str, str] = ("first direction", "second direction"),
    trajectories: Sequence[Trajectory] = (),
    gradients: bool = False,
    shift: tuple[float, float] = (0.0, 0.0),
    **options: Any,
) -> Surface:
    """Loss at trained point + x d1 + y d2 for any two directions.

    Args:
        objective: The function.
        directions: Two vectors of shape (size,), not parallel.
        x: Coefficients of the first, increasing.
        y: Of the second.
        kind: What the record is called.
        names: Labels of the axes.
        trajectories: Drawn on it, by least squares.
        gradients: Also d loss / d x and d loss / d y at each point.
        shift: Added to the coefficients to label the axes: the trained values of a grid.
        options: Of `evaluate`: way, progress, resume.
    """
    for direction in directions:
        objective.unflat(direction)  # refuses one of another size
    refuse_parallel(torch.stack([d.double().cpu() for d in directions]).numpy())
    coefficients = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    done = evaluate(objective, directions, coefficients, slopes=gradients, **options)
    paths = tuple(project(objective, t, directions) for t in trajectories)
    explained = _explained(paths, directions)
    moved = tuple(_moved(path, shift) for path in paths)
    shape = (len(y), len(x))
    return Surface(
        kind=kind,
        x=np.asarray(x, dtype=np.float64) + shift[0],
        y=np.asarray(y, dtype=np.float64) + shift[1],
        losses=done.losses.reshape(shape),
        center=shift,
        center_loss=done.at_origin,
        x_name=names[0],
        y_name=names[1],
        gradients=None if done.slopes is None else done.slopes.reshape(*shape, 2),
        explained=explained,
        paths=moved,
        settings=objective.settings()
        | {"way": done.way, "stochastic": done.stochastic, "lengths": [float(d.norm()) for d in directions]},
    )


def _explained(paths: Sequence[Path], directions: Sequence[Tensor]) -> tuple[float, float] | None:
    """Shares of the squared displacement from the trained point along the first and the second axis."""
    if not paths:
        return None
    basis = torch.stack([d.double().cpu() for d in directions]).numpy()
    _, r = np.linalg.qr(basis.T)
    inside = np.concatenate([p.points for p in paths]) @ r.T  # orthonormal coordinates
    off = np.concatenate([p.distances for p in paths])
    squares = (inside**2).sum(0)
    total = float(squares.sum() + (off**2).sum())
    if total == 0:
        return 1.0, 0.0
    return float(squares[0] / total), float(squares[1] / total)


def _moved(path: Path, shift: tuple[float, float]) -> Path:
    return Path(
        path.name, path.steps, path.points + np.array(shift), path.distances, path.losses, path.estimated
    )


def _axis(given: Range, center: float, points: int) -> Floats:
    if isinstance(given, tuple):
        low, high = given
        if points < 2 or not high > low:
            raise SettingError(
                f"the range {given} with {points} points is none; give (lowest, highest), 2 or more"
            )
        return np.linspace(low, high, points)
    return center + even_offsets(given, points)


def _around(extents: Sequence[Floats], margin: float, points: int) -> tuple[Floats, Floats]:
    """Axes around all that is drawn; the trained point, 0, is exactly on the grid."""
    every = np.concatenate([*extents, np.zeros((1, 2))])
    low, high = every.min(0), every.max(0)
    room = margin * (high - low).max()
    axes = []
    for side in (0, 1):
        axis = np.linspace(low[side] - room, high[side] + room, points)
        axis -= axis[np.argmin(np.abs(axis))]
        axes.append(axis)
    return axes[0], axes[1]
