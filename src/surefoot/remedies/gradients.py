"""Gradients multiplied before their step: a sum made a mean, a sign turned."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks, trainable


def _multiply(optimizer: Optimizer, factor: float) -> None:
    gradients = [p.grad for p in trainable(optimizer) if p.grad is not None]
    with torch.no_grad():
        torch._foreach_mul_([each for each in gradients if not each.is_sparse], factor)
        for each in gradients:
            if each.is_sparse:
                each.mul_(factor)


class ScaledAccumulation(Remedy):
    """The mean over micro-batches."""

    name = "scale-accumulation"
    answers = ("accumulation-unscaled",)
    said = "accumulated gradients averaged"
    seen = False

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Divide by the number of backward passes since the last step."""
        counted = [0]

        def count(start: Any) -> None:
            counted[0] += 1

        def divide(optimizer: Optimizer) -> None:
            if counted[0] > 1:
                _multiply(optimizer, 1 / counted[0])

        def reset(optimizer: Optimizer) -> None:
            counted[0] = 0

        hooks.before_backward.append(count)
        hooks.before_step.append(divide)
        hooks.after_step.append(reset)


class MeanLoss(Remedy):
    """The mean over the examples of a batch."""

    name = "mean-loss"
    answers = ("loss-sum-reduction",)
    said = "the loss averaged over the batch"
    seen = False

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Divide the gradients by the size of the batch that entered a model."""
        size = [1]

        def enter(module: Any, inputs: tuple[Any, ...]) -> None:
            first = inputs[0] if inputs else None
            if torch.is_grad_enabled() and isinstance(first, Tensor) and first.dim():
                size[0] = max(1, first.shape[0])

        hooks.entering.append(enter)
        hooks.before_step.append(lambda optimizer: _multiply(optimizer, 1 / size[0]))


class TurnedSign(Remedy):
    """Downhill where the script goes uphill."""

    name = "turn-sign"
    answers = ("loss-sign-flipped",)
    said = "the sign of the loss turned"
    seen = False

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Turn every gradient."""
        hooks.before_step.append(lambda optimizer: _multiply(optimizer, -1.0))
