"""Another start: weights drawn anew, parameters that may learn."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks


class DrawnWeights(Remedy):
    """Layers as PyTorch draws them."""

    name = "default-weights"
    answers = ("symmetric-initialization", "dead-units", "initial-loss-too-high")
    said = "weights as PyTorch draws them"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Draw every layer anew at the first call of its model."""
        met: set[int] = set()

        def enter(module: nn.Module, inputs: Any) -> None:
            for each in module.modules():
                reset = getattr(each, "reset_parameters", None)
                if id(each) not in met and callable(reset):
                    reset()
                met.add(id(each))

        hooks.entering.append(enter)


class Unfrozen(Remedy):
    """Parameters of an optimizer that are kept from learning, set free."""

    name = "unfreeze"
    answers = ("all-parameters-frozen", "frozen-parameters")
    said = "all parameters of the optimizer may learn"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Ask for gradients of all that optimizers hold."""
        held: dict[int, Tensor] = {}

        def learn(optimizer: Optimizer) -> None:
            held.update({id(p): p for group in optimizer.param_groups for p in group["params"]})

        def enter(module: nn.Module, inputs: Any) -> None:
            for parameter in held.values():
                if not parameter.requires_grad and parameter.is_floating_point():
                    parameter.requires_grad_()

        hooks.made.append(learn)
        hooks.entering.append(enter)
