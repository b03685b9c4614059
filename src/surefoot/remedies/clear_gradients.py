"""Clear the gradients before the first backward after a step."""

from __future__ import annotations

from typing import Any

import torch

from surefoot.capture.patches import Patches
from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks


class _Clearing:
    """Keeps gradients until a step has used them, and not longer."""

    def __init__(self) -> None:
        self._met: dict[int, torch.optim.Optimizer] = {}
        self._stepped = False
        self.fresh = False  # gradients that no step has used are there

    def before_backward(self, start: Any) -> None:
        if self._stepped:
            self.fresh = True  # what is asked of `zero_grad` from now on is too early
            self._clear()
        self.fresh, self._stepped = True, False

    def _clear(self) -> None:
        for optimizer in self._met.values():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        self._met[id(optimizer)] = optimizer
        self.fresh, self._stepped = False, True

    def keep(self, patches: Patches) -> None:
        """Let nothing be cleared that no step has used."""
        for owner in (torch.optim.Optimizer, torch.nn.Module):
            patches.add(owner, "zero_grad", self._unless_fresh)

    def _unless_fresh(self, original: Any) -> Any:
        def zero_grad(owner: Any, *args: Any, **kwargs: Any) -> None:
            if not self.fresh:
                original(owner, *args, **kwargs)

        return zero_grad


class ClearGradients(Remedy):
    """Gradients of earlier steps are gone when a backward adds its own."""

    name = "clear-gradients"
    answers = ("missing-zero-grad",)
    said = "clear the gradients each step"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Clear before the first backward after a step."""
        clearing = _Clearing()
        hooks.before_backward.append(clearing.before_backward)
        hooks.after_step.append(clearing.after_step)


class KeepGradients(Remedy):
    """A call that clears gradients does nothing while no step has used them."""

    name = "keep-gradients"
    answers = ("grads-cleared-before-step",)
    said = "keep the gradients until the step"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Leave early calls of `zero_grad` out, and clear after the step instead."""
        clearing = _Clearing()
        hooks.before_backward.append(clearing.before_backward)
        hooks.after_step.append(clearing.after_step)
        hooks.patching.append(clearing.keep)
