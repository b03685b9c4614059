"""Descent against a grid: how many evaluations it needs for the loss of the grid's minimum."""

from __future__ import annotations

import numpy as np
import torch

from surefoot.landscape.directions import scalar_direction
from surefoot.landscape.objective import Objective
from surefoot.surfaces import Descent, Surface, Trajectory

_LIMIT = 1000  # evaluations
_SUFFICIENT = 1e-4  # Armijo's share of the predicted decrease


def descend(objective: Objective, surface: Surface, *, limit: int = _LIMIT) -> Descent:
    """Gradient descent over a grid's two scalars, from its highest corner down to the grid's minimum.

    Args:
        objective: The function.
        surface: Of kind "grid".
        limit: Give up after so many evaluations.

    Returns:
        Every loss computed is counted, those of the line search too; a gradient's own loss is counted once.

    Source: Armijo 1966, backtracking: halved until the decrease is sufficient, doubled after a step that was
    taken.
    """
    names = (surface.x_name, surface.y_name)
    directions = torch.stack([scalar_direction(objective, name) for name in names])
    corners = [(i, j) for i in (0, -1) for j in (0, -1)]
    finite = [c for c in corners if np.isfinite(surface.losses[c])] or corners
    row, column = max(finite, key=lambda c: float(surface.losses[c]))
    point = np.array([surface.x[column], surface.y[row]])
    target = surface.minimum[2]
    # Steps in units of the grid's half width, so that scalars of different scale descend alike.
    scale = np.array([np.ptp(surface.x), np.ptp(surface.y)]) / 2

    def vector(at: np.ndarray[tuple[int], np.dtype[np.float64]]) -> torch.Tensor:
        offset = torch.tensor(at - np.array(surface.center), dtype=directions.dtype, device=directions.device)
        return objective.center + offset @ directions

    loss, full = objective.gradient_at(vector(point))
    evaluations, gradients, step = 1, 1, 1.0
    path, reached = [point], loss
    while loss > target and evaluations < limit:
        slope = (directions @ full).double().cpu().numpy() * scale
        square = float(slope @ slope)
        if square == 0 or not np.isfinite(square):
            break
        length = step / np.sqrt(square) if gradients == 1 else step
        while evaluations < limit:
            trial = point - length * slope * scale
            trial_loss = objective.loss_at(vector(trial))
            evaluations += 1
            if trial_loss <= loss - _SUFFICIENT * length * square or trial_loss <= target:
                break
            length /= 2
        else:
            break
        point, step = trial, 2 * length
        path.append(point)
        loss, reached = trial_loss, min(reached, trial_loss)
        if loss <= target:
            break
        _, full = objective.gradient_at(vector(point))  # its loss is known already
        gradients += 1
    return Descent(
        name="gradient descent with backtracking",
        grid_points=surface.losses.size,
        target=target,
        evaluations=evaluations if loss <= target else None,
        gradients=gradients,
        reached=reached,
        path=np.array(path),
    )


def compare(trajectory: Trajectory, surface: Surface) -> Descent:
    """The same comparison for a training that was recorded with its losses: one evaluation a step."""
    target = surface.minimum[2]
    losses = trajectory.losses
    below = np.flatnonzero(losses <= target)
    first = None if len(below) == 0 else int(trajectory.steps[below[0]]) + 1
    path = next((p.points for p in surface.paths if p.name == trajectory.name), np.empty((0, 2)))
    lowest = float(np.nanmin(losses)) if np.isfinite(losses).any() else float("nan")
    taken = int(trajectory.steps[-1]) if first is None else first
    return Descent(trajectory.name, surface.losses.size, target, first, taken, lowest, path)
