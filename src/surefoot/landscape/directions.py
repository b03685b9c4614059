"""Directions through parameter space: random and filter-normalised, between checkpoints, along a trajectory.

A direction is a vector over the moving parameters of an `Objective`, in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from surefoot.errors import SettingError
from surefoot.landscape.objective import Objective, State
from surefoot.surfaces import Trajectory

Normalization = Literal["filter", "layer", "model", "none"]


def random_direction(
    objective: Objective,
    *,
    seed: int = 0,
    normalization: Normalization = "filter",
    biases: bool = False,
    against: Tensor | None = None,
) -> Tensor:
    """A Gaussian direction, scaled so that a step of 1 is comparable across filters of different scale.

    Args:
        objective: Whose parameters.
        seed: Of the draw.
        normalization: "filter": each filter (row of a linear layer, output channel of a convolution) gets
            the norm of the model's own; "layer": each tensor; "model": the whole vector; "none": standard
            normal as drawn.
        biases: Also move parameters of fewer than two dimensions (biases, scales of norm layers); scaled as
            one filter each. Otherwise they stay, as the paper does.
        against: Make it orthogonal to this direction, filter by filter where a filter has two entries or
            more.

    Returns:
        Shape (size,).

    Raises:
        SettingError: Nothing would move, or an unknown normalization.

    Source: Li, Xu, Taylor, Studer, Goldstein 2018, arXiv:1712.09913, section 4. Differs: `against`.
    """
    if normalization not in ("filter", "layer", "model", "none"):
        raise SettingError(f'normalization is {normalization!r}; choose "filter", "layer", "model" or "none"')
    generator = torch.Generator().manual_seed(seed)
    other = None if against is None else objective.unflat(against)
    parts = []
    for name, p in objective.base.items():
        drawn = torch.randn(p.shape, generator=generator, dtype=torch.float64)
        weight = p.detach().double().cpu()
        if p.dim() < 2 and not biases:
            parts.append(torch.zeros(p.numel(), dtype=torch.float64))
            continue
        rows = len(p) if p.dim() > 1 and normalization == "filter" else 1
        drawn, weight = drawn.reshape(rows, -1), weight.reshape(rows, -1)
        if other is not None and drawn.shape[1] > 1:
            first = other[name].double().cpu().reshape(rows, -1)
            square = first.square().sum(1, keepdim=True)
            drawn = drawn - first * ((drawn * first).sum(1, keepdim=True) / square.clamp_min(1e-300))
        if normalization in ("filter", "layer"):
            scale = weight.norm(dim=1, keepdim=True) / drawn.norm(dim=1, keepdim=True).clamp_min(1e-300)
            drawn = drawn * scale
        parts.append(drawn.reshape(-1))
    direction = torch.cat(parts)
    length = direction.norm()
    if length == 0:
        raise SettingError(
            "a random direction moves nothing here (no weight matrix, or all zero); pass biases=True"
        )
    if normalization == "model":
        direction = direction * (objective.center.double().cpu().norm() / length)
    return direction.to(objective.center.dtype).to(objective.device)


def scalar_direction(objective: Objective, scalar: str) -> Tensor:
    """Unit step of one scalar such as "fc1.weight[3, 0]"."""
    direction = torch.zeros_like(objective.center)
    direction[objective.position_of(scalar)] = 1.0
    return direction


def through_checkpoints(objective: Objective, first: State, second: State) -> tuple[Tensor, Tensor]:
    """Orthonormal directions of the plane through the trained point and two checkpoints.

    Raises:
        SettingError: The three points lie on a line.
    """
    center = objective.center.double()
    one = objective.flat(first).double() - center
    two = objective.flat(second).double() - center
    x = one / one.norm()
    rest = two - (two @ x) * x
    if not torch.isfinite(x).all() or rest.norm() <= 1e-6 * two.norm() or rest.norm() == 0:
        raise SettingError(
            "the trained point and the two checkpoints lie on a line; choose three that span a plane"
        )
    return x.to(objective.center.dtype), (rest / rest.norm()).to(objective.center.dtype)


def principal_directions(objective: Objective, trajectories: Sequence[Trajectory]) -> tuple[Tensor, Tensor]:
    """Orthonormal directions that hold most of the trajectories' squared distance from the trained point.

    Raises:
        SettingError: A trajectory of another model, or fewer than two directions in it.

    Source: Li et al. 2018, arXiv:1712.09913, section 7. Differs: singular vectors of the displacements from
    the trained point, not centred on their mean, because the plane has to pass through that point.
    """
    center = objective.center.double().cpu().numpy()
    rows = []
    for trajectory in trajectories:
        check_layout(objective, trajectory)
        rows.append(trajectory.full.astype(np.float64) - center)
    moves = np.concatenate(rows)
    # The Gram matrix has one row a point: cheap however large the model.
    values, vectors = np.linalg.eigh(moves @ moves.T)
    if len(values) < 2 or values[-2] <= 1e-12 * values[-1]:
        raise SettingError(
            "the trajectory runs along a line or stands still; a plane needs two directions in it"
        )
    first, second = (vectors[:, -i] @ moves / np.sqrt(values[-i]) for i in (1, 2))
    first /= np.linalg.norm(first)
    second -= (second @ first) * first
    second /= np.linalg.norm(second)
    # A sign that does not hang on the linear algebra library: the path begins on the positive side.
    if moves[0] @ first < 0:
        first = -first
    if moves[0] @ second < 0:
        second = -second
    like = objective.center
    return torch.from_numpy(first).to(like), torch.from_numpy(second).to(like)


def check_layout(objective: Objective, trajectory: Trajectory) -> None:
    """Refuse a trajectory of another model."""
    if tuple(trajectory.layout) != objective.layout:
        raise SettingError(
            f"the trajectory {trajectory.name!r} was recorded from other parameters than this model's; "
            "record it from the same model"
        )
