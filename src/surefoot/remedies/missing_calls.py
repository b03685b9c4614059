"""Calls that a loop forgot: the optimizer's step, the loss's backward."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.capture.losses import FUNCTIONS
from surefoot.capture.patches import Patches
from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks, trainable


class TakeStep(Remedy):
    """A step after each backward."""

    name = "take-step"
    answers = ("missing-step",)
    said = "step the optimizer"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Step every optimizer that has never stepped and has gradients, then clear them."""
        waiting: dict[int, Optimizer] = {}
        ours = [False]

        def stepped(optimizer: Optimizer) -> None:
            if not ours[0]:
                waiting.pop(id(optimizer), None)

        def step() -> None:
            ours[0] = True
            for optimizer in list(waiting.values()):
                if trainable(optimizer):
                    optimizer.step()
                    optimizer.zero_grad()
            ours[0] = False

        hooks.made.append(lambda optimizer: waiting.__setitem__(id(optimizer), optimizer))
        hooks.after_step.append(stepped)
        hooks.after_backward.append(step)


class CallBackward(Remedy):
    """A backward before each step."""

    name = "call-backward"
    answers = ("step-without-backward",)
    said = "call backward"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Let it start from the last value of a loss function that no backward has started from."""
        loss: list[Tensor] = []

        def patch(patches: Patches) -> None:
            for function in FUNCTIONS:
                patches.add(nn.functional, function, make)

        def make(original: Any) -> Any:
            def called(*args: Any, **kwargs: Any) -> Any:
                result = original(*args, **kwargs)
                if isinstance(result, Tensor) and result.requires_grad and result.dim() == 0:
                    loss[:] = [result]
                return result

            return called

        def backward(optimizer: Optimizer) -> None:
            if loss:
                loss.pop().backward()

        hooks.patching.append(patch)
        hooks.before_backward.append(lambda start: loss.clear())
        hooks.before_step.append(backward)
