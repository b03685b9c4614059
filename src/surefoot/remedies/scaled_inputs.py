"""Inputs of mean 0 and deviation 1, by those of the first batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks

_Scale = tuple[Tensor, Tensor]


class ScaledInputs(Remedy):
    """Each feature, or each channel, of what enters a model is standardised."""

    name = "scaled-inputs"
    answers = ("unnormalized-inputs", "initial-loss-too-high", "saturated-units", "preprocessing-mismatch")
    said = "inputs to mean 0, deviation 1"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Change the first input of every outermost module."""
        scales: dict[int, _Scale] = {}

        def enter(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
            batch = inputs[0] if inputs else None
            if not isinstance(batch, Tensor) or not batch.is_floating_point() or batch.dim() < 2:
                return None
            if id(module) not in scales:
                scales[id(module)] = _scale(batch.detach())
            mean, deviation = scales[id(module)]
            return ((batch - mean) / deviation, *inputs[1:])

        hooks.entering.append(enter)


def _scale(batch: Tensor) -> _Scale:
    """Of each feature of rows and sequences, of each channel of images; 1 where nothing varies."""
    own = batch.dim() - 1 if batch.dim() < 4 else 1
    others = [place for place in range(batch.dim()) if place != own]
    mean = batch.mean(others, keepdim=True)
    deviation = batch.std(others, keepdim=True, correction=0)
    usual = torch.where(deviation > 1e-6 * (1 + mean.abs()), deviation, torch.ones_like(deviation))
    return mean, usual
