"""The separation network's landscape, and its training as it moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.diagnosis import history_of
from surefoot.figures.animation.scenes import Scene, curves_scene, path_scene
from surefoot.landscape import Objective
from surefoot.recipes.base import Landscape, Options
from surefoot.recipes.separation.mixtures import Mixtures, samples_of
from surefoot.recipes.separation.settings import Settings
from surefoot.recipes.separation.spectra import HOP, spectrum
from surefoot.recipes.separation.training import Trained, loss_of, train

BATCHES = 4  # of the training, that the loss is drawn over
POINTS = 25  # along each axis of the plane that moves


def landscape_of(settings: Settings, mixtures: Mixtures) -> Landscape:
    """Train, and keep the path and the loss over the first batches."""
    trained = train(_without_tests(settings), mixtures, path=True)
    assert trained.trajectory is not None
    return Landscape(
        _objective(trained, settings, mixtures),
        (trained.trajectory,),
        title="The separation network's path on its own plane",
    )


def scene_of(kind: str, options: Options, settings: Settings, mixtures: Mixtures, frames: int) -> Scene:
    """Loss and gradient norm as they grow, or the path over its plane."""
    if kind == "path":
        return path_scene(landscape_of(settings, mixtures).surface(POINTS), frames=frames)
    trained = train(_without_tests(settings), mixtures, runs=options.runs)
    assert trained.run is not None
    history = history_of(trained.run)
    return curves_scene(
        history.series("loss"), history.series("grad_norm"), frames=frames, title="separation"
    )


def _objective(trained: Trained, settings: Settings, mixtures: Mixtures) -> Objective:
    length = samples_of(settings.frames, HOP)
    device = next(trained.model.parameters()).device
    data = [
        (torch.from_numpy(mixtures.batch(step, settings.batch, length)).to(device),)
        for step in range(BATCHES)
    ]

    def compute(model: nn.Module, batch: tuple[Tensor]) -> Any:
        (sources,) = batch
        mixture = spectrum(sources.sum(dim=1))
        return settings.loss_scale * loss_of(settings, model(mixture), spectrum(sources), mixture)

    return Objective(trained.model, data=data, compute=compute)


def _without_tests(settings: Settings) -> Settings:
    """The same training; what it is worth at the end is not asked."""
    return replace(settings, tests=1, test_seconds=1.0)
