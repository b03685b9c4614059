"""An optimizer that is made anew takes over the state of the one before."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks


class KeptState(Remedy):
    """Momentum and moments go on."""

    name = "keep-optimizer"
    answers = ("optimizer-recreated",)
    said = "one optimizer for the whole training"
    seen = False

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Share the state between optimizers of one class and the same parameters."""
        kept: dict[tuple[Any, ...], Any] = {}

        def made(optimizer: Optimizer) -> None:
            same = type(optimizer), *(id(p) for group in optimizer.param_groups for p in group["params"])
            optimizer.state = kept.setdefault(same, optimizer.state)

        hooks.made.append(made)
