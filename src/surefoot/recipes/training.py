"""One training of a recipe: through `fit`, recorded, with the path that its parameters took."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from surefoot.diagnosis import history_of
from surefoot.landscape import TrajectoryRecorder
from surefoot.recipes.base import Options
from surefoot.records import History
from surefoot.surfaces import Trajectory
from surefoot.training import Fit, fit


@dataclass(frozen=True)
class Training:
    """A finished training.

    Args:
        fit: How it went.
        trajectory: The parameters from the first to the last step, with the loss of each step's batch.
    """

    fit: Fit
    trajectory: Trajectory

    @property
    def runs(self) -> tuple[Path, ...]:
        """The recorded run, if there is one."""
        return () if self.fit.run is None else (self.fit.run,)

    def history(self) -> History:
        """All that was recorded."""
        assert self.fit.run is not None
        return history_of(self.fit.run)


def train(
    options: Options,
    name: str,
    model: nn.Module,
    loss: Callable[..., Any] | None,
    data: Any,
    optimizer: Optimizer,
    *,
    run: str | None = None,
    **settings: Any,
) -> Training:
    """Train a model by `fit` and keep its path.

    Args:
        options: The recipe's; its seed orders the data, its `runs` takes the run.
        name: Of the path.
        model: Trained in place.
        loss: As for `fit`.
        data: As for `fit`.
        optimizer: Of the model.
        run: Tells the run from the recipe's others; by default the path's name.
        settings: Further arguments of `fit`; no clipping where none is given, so that the update
            is the optimizer's own.
    """
    recorder = TrajectoryRecorder(model, name=name)
    given: dict[str, Any] = {
        "clip": None,
        "seed": options.seed,
        "runs": options.runs,
        "progress": False,
        "name": run_name(options, run or name),
    }
    with recorder.following(optimizer):
        result = fit(model, loss, data, optimizer=optimizer, **(given | settings))
    path = recorder.trajectory()
    # The loss of a step is computed where the step begins, so the last point has none yet.
    losses = np.append(result.losses, np.nan)
    known = np.where(path.steps < len(losses), path.steps, len(losses) - 1)
    return Training(result, replace(path, losses=losses[known]))


def run_name(options: Options, name: str) -> str:
    """Name of a run: the recipe and which of its trainings.

    Example:
        >>> run_name(Options("bowl"), "heavy ball, 1/100")
        'bowl-heavy-ball-1-100'
    """
    return re.sub(r"[^\w.+]+", "-", f"{options.recipe}-{name}").strip("-")


def seeded(seed: int) -> torch.Generator:
    """A generator for made data and first weights."""
    return torch.Generator().manual_seed(seed)
