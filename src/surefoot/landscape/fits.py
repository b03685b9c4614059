"""What a model of one input predicts along a recorded training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from surefoot.errors import SettingError
from surefoot.landscape.objective import Objective, undisturbed
from surefoot.surfaces import Fit, Trajectory


def fit_along(
    model: nn.Module, trajectory: Trajectory, inputs: Tensor, targets: Tensor, *, points: int = 200
) -> Fit:
    """Predictions on an even grid over the inputs' range, at each point of a whole trajectory.

    Args:
        model: Takes (n, 1), gives (n, 1); left as it is.
        trajectory: Of the same model, kept whole.
        inputs: Shape (n, 1) or (n,).
        targets: Likewise.
        points: Of the grid.

    Raises:
        SettingError: More than one input or output, or a trajectory that is only a sketch.
    """
    if inputs.numel() != len(inputs) or targets.numel() != len(inputs):
        raise SettingError(
            "a fit can be drawn for one input and one output; draw the path over the surface instead"
        )
    if trajectory.seed is not None:
        raise SettingError("this trajectory is a sketch; record it with a larger budget to draw its fit")
    objective = Objective(model, compute=lambda m, _: torch.zeros(()))
    module = objective.computation.model
    low, high = float(inputs.min()), float(inputs.max())
    grid = torch.linspace(low, high, points, dtype=inputs.dtype, device=objective.device)[:, None]
    predictions = []
    with undisturbed(), torch.no_grad():
        for point in trajectory.points:
            state = objective.unflat(torch.from_numpy(point).to(objective.center))
            predictions.append(functional_call(module, state, (grid,)).reshape(-1).double().cpu().numpy())
    return Fit(
        name=trajectory.name,
        inputs=inputs.detach().reshape(-1).double().cpu().numpy(),
        targets=targets.detach().reshape(-1).double().cpu().numpy(),
        grid=grid[:, 0].double().cpu().numpy(),
        predictions=np.stack(predictions),
        steps=trajectory.steps,
        losses=trajectory.losses,
    )
