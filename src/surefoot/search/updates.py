"""One optimizer's update for many members at once: parameters flat, shape (members, entries). As torch computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from surefoot.optimizers.catalogue import named_optimizer

KNOWN = ("gd", "momentum", "nesterov", "sgd", "adam", "adamw")

Update = Callable[[Tensor, Tensor], None]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of an update, a member a row: shape (members, 1).

    Args:
        lr: Learning rates.
        momentum: Momentum, or the first beta.
        decay: Weight decay, shape (members, entries): 0 on what is spared.
    """

    lr: Tensor
    momentum: Tensor
    decay: Tensor


def update_of(name: str, numbers: Numbers) -> Update:
    """The update of a named optimizer: called with parameters, which it changes, and gradients.

    Args:
        name: One of `KNOWN`.
        numbers: Of each member.
    """
    defaults = dict(named_optimizer(name).defaults)
    if "betas" in defaults:
        return _adam(numbers, defaults, decoupled=name == "adamw")
    return _descent(numbers, nesterov=bool(defaults.get("nesterov")))


def _descent(numbers: Numbers, nesterov: bool) -> Update:
    velocity: list[Tensor] = []
    decays, moves = bool(numbers.decay.any()), bool(numbers.momentum.any())

    def update(parameters: Tensor, gradients: Tensor) -> None:
        if decays:
            gradients = gradients + numbers.decay * parameters
        if moves:
            if not velocity:
                velocity.append(gradients.clone())
            else:
                velocity[0].mul_(numbers.momentum).add_(gradients)
            gradients = gradients + numbers.momentum * velocity[0] if nesterov else velocity[0]
        parameters.addcmul_(numbers.lr, gradients, value=-1)

    return update


def _adam(numbers: Numbers, defaults: dict[str, Any], decoupled: bool) -> Update:
    beta2, eps = defaults["betas"][1], defaults["eps"]
    moments: list[Tensor] = []
    steps = 0

    def update(parameters: Tensor, gradients: Tensor) -> None:
        nonlocal steps
        steps += 1
        if not moments:
            moments.extend([torch.zeros_like(parameters), torch.zeros_like(parameters)])
        first, second = moments
        if decoupled:
            parameters.mul_(1 - numbers.lr * numbers.decay)
        else:
            gradients = gradients + numbers.decay * parameters
        first.lerp_(gradients, (1 - numbers.momentum).expand_as(first))
        second.mul_(beta2).addcmul_(gradients, gradients, value=1 - beta2)
        size = numbers.lr / (1 - numbers.momentum**steps)
        spread = second.sqrt().div_((1 - beta2**steps) ** 0.5).add_(eps)
        parameters.sub_(size * (first / spread))

    return update
