"""Give an optimizer the parameters that the loss reaches and no optimizer holds."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.graph.loss_graph import leaves
from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks


class ForgottenParameters(Remedy):
    """They are stepped with the first group."""

    name = "add-parameters"
    answers = ("parameters-not-optimized",)
    said = "all parameters to the optimizer"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Look for them at every backward, and add them before the step that follows."""
        held: dict[int, Tensor] = {}
        waiting: dict[int, Tensor] = {}

        def learn(optimizer: Optimizer) -> None:
            held.update({id(p): p for group in optimizer.param_groups for p in group["params"]})

        def reach(start: Any) -> None:
            if isinstance(start, Tensor) and start.grad_fn is not None:
                waiting.update({id(leaf): leaf for leaf in leaves(start) if id(leaf) not in held})

        def add(optimizer: Optimizer) -> None:
            learn(optimizer)
            new = [leaf for leaf in waiting.values() if id(leaf) not in held and leaf.requires_grad]
            waiting.clear()
            optimizer.param_groups[0]["params"].extend(new)
            held.update({id(leaf): leaf for leaf in new})

        hooks.made.append(learn)
        hooks.before_backward.append(reach)
        hooks.before_step.append(add)
