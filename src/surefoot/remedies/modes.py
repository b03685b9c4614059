"""Modules in the mode that their call asks for: train mode where gradients are wanted, else eval mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks

_NORMS = nn.modules.batchnorm._BatchNorm


class _Switching:
    """Sets modes at the call of an outermost module, and gives them back after it."""

    def __init__(self, hooks: Hooks, wanted: Callable[[nn.Module], Iterable[tuple[nn.Module, bool]]]) -> None:
        self._wanted = wanted
        self._held: list[tuple[nn.Module, bool]] = []
        hooks.entering.append(self._enter)
        hooks.leaving.append(self._leave)

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        for each, training in self._wanted(module):
            self._held.append((each, each.training))
            each.training = training

    def _leave(self, module: nn.Module) -> None:
        while self._held:
            each, training = self._held.pop()
            each.training = training


class TrainMode(Remedy):
    """Train mode while the model trains."""

    name = "train-mode"
    answers = ("train-in-eval-mode",)
    said = "train mode while training"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Switch models that have something to learn."""

        def wanted(module: nn.Module) -> Iterable[tuple[nn.Module, bool]]:
            learns = torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters())
            return [(each, True) for each in module.modules()] if learns else []

        _Switching(hooks, wanted)


class EvalMode(Remedy):
    """Eval mode while the model is validated."""

    name = "eval-mode"
    answers = ("validate-in-train-mode",)
    said = "eval mode while validating"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Switch models that are called without gradients."""

        def wanted(module: nn.Module) -> Iterable[tuple[nn.Module, bool]]:
            return [] if torch.is_grad_enabled() else [(each, False) for each in module.modules()]

        _Switching(hooks, wanted)


class TeacherInEvalMode(Remedy):
    """Eval mode for a model that is only asked."""

    name = "teacher-eval-mode"
    answers = ("teacher-in-train-mode",)
    said = "the teacher in eval mode"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Switch models that no optimizer holds a parameter of."""
        optimized: set[int] = set()

        def learn(optimizer: torch.optim.Optimizer) -> None:
            optimized.update(id(p) for group in optimizer.param_groups for p in group["params"])

        def wanted(module: nn.Module) -> Iterable[tuple[nn.Module, bool]]:
            theirs = not any(id(p) in optimized for p in module.parameters())
            return [(each, False) for each in module.modules()] if theirs and optimized else []

        hooks.made.append(learn)
        _Switching(hooks, wanted)


class FrozenBatchNorm(Remedy):
    """Batch norm by its running statistics, where a batch is too small to have any."""

    name = "frozen-batch-norm"
    answers = ("tiny-batch-norm",)
    said = "batch norm frozen"
    seen = False

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Put the norms in eval mode."""

        def wanted(module: nn.Module) -> Iterable[tuple[nn.Module, bool]]:
            return [(each, False) for each in module.modules() if isinstance(each, _NORMS)]

        _Switching(hooks, wanted)
