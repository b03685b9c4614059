"""The short way in: one call that picks the picture for what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from surefoot.errors import SettingError
from surefoot.landscape.objective import Compute, Mode, Objective, State
from surefoot.landscape.planes import checkpoint_plane, grid, principal_plane, random_plane
from surefoot.landscape.slices import slice_along_parameter, slice_between
from surefoot.surfaces import Slice, Surface, Trajectory


def landscape(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    data: Any = None,
    *,
    compute: Compute | None = None,
    x: str | None = None,
    y: str | None = None,
    trajectories: Trajectory | Sequence[Trajectory] = (),
    checkpoints: Sequence[State] = (),
    mode: Mode = "eval",
    seed: int = 0,
    **options: Any,
) -> Surface | Slice:
    """The loss around a trained model.

    What is drawn follows from what is given: `x` and `y`, a grid of two scalars; `x` alone, a slice along
    it; one checkpoint, the line from the model to it; two, the plane through the model and both;
    trajectories, the plane of their principal components; none of these, a plane of random filter-normalised
    directions (the grid, if the model has just two scalars).

    Args:
        model: Left as it is, bit for bit.
        loss: `loss(output, target)`.
        data: A batch `(inputs, target)`, a list of batches, a DataLoader or a Dataset.
        compute: `compute(model, batch)` instead of `loss`.
        x: A scalar such as "fc1.weight[0, 3]".
        y: Another.
        trajectories: Paths, from `TrajectoryRecorder`.
        checkpoints: State dicts of the same model.
        mode: "eval", "train" or "as is": how dropout and batch norm are treated.
        seed: Of everything random.
        options: Of the function that draws it: points, span, gradients, progress, resume …

    Returns:
        A record: `surefoot.surfaces.save` keeps it, `surefoot.figures.draw` draws it.

    Example:
        >>> import torch
        >>> inputs = torch.linspace(0, 1, 20)[:, None]
        >>> surface = landscape(nn.Linear(1, 1), nn.MSELoss(), (inputs, 3 * inputs + 1), points=11)
        >>> surface.kind, surface.losses.shape
        ('grid', (11, 11))
    """
    objective = Objective(model, loss, data, compute=compute, mode=mode, seed=seed)
    paths = [trajectories] if isinstance(trajectories, Trajectory) else list(trajectories)
    if x is not None and y is not None:
        return grid(objective, x, y, trajectories=paths, **options)
    if y is not None:
        raise SettingError(f"y is {y} without x; name both scalars of a grid, or x alone for a slice")
    if x is not None:
        return slice_along_parameter(objective, x, **options)
    if len(checkpoints) == 1:
        own = objective.unflat(objective.center)
        return slice_between(objective, own, checkpoints[0], name="model to checkpoint", **options)
    if len(checkpoints) == 2:
        return checkpoint_plane(objective, checkpoints[0], checkpoints[1], trajectories=paths, **options)
    if checkpoints:
        raise SettingError(f"{len(checkpoints)} checkpoints; give one for a line or two for a plane")
    if objective.size == 2:
        first, second = two_scalars(objective)
        return grid(objective, first, second, trajectories=paths, **options)
    if paths:
        return principal_plane(objective, paths, **options)
    return random_plane(objective, seed=seed, **options)


def two_scalars(objective: Objective) -> tuple[str, str]:
    """Names of the scalars of an objective of two."""
    names = []
    for name, shape in objective.layout:
        count = objective.base[name].numel()
        for i in range(count):
            names.append(f"{name}[{', '.join(str(k) for k in _index(i, shape))}]" if shape else name)
    return names[0], names[1]


def _index(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    index = []
    for length in reversed(shape):
        index.append(flat % length)
        flat //= length
    return tuple(reversed(index))
