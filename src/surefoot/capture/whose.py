"""Whose a loss or an optimizer is: of the training that is observed, or of another one beside it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.capture import shards
from surefoot.capture.loops import Loops
from surefoot.capture.modules import ModuleWatch
from surefoot.capture.parameters import Parameters
from surefoot.capture.unseen import without_numbers


class Whose:
    """Answers by the parameters that a loss leads to, or that an optimizer holds.

    Args:
        parameters: Know what is behind a loss.
        loops: The loops of the training.
        modules: Its models, whose shards stand for whole parameters.
        models: Those that the user named; none: any.
    """

    def __init__(
        self, parameters: Parameters, loops: Loops, modules: ModuleWatch, models: Sequence[nn.Module]
    ) -> None:
        self._parameters = parameters
        self._loops = loops
        self._modules = modules
        self._models = models

    def watched(self, what: Tensor | Optimizer, made_here: bool) -> bool:
        """Whether it belongs to what the user named.

        Args:
            what: A loss or an optimizer.
            made_here: The thread that asks began the observation.
        """
        if isinstance(what, Optimizer):
            if self._loops.only is not None:
                return id(what) in self._loops.only
            if made_here:
                return True  # the loss may not lead to the model that was named: a fault to be found
        return self._reaches(
            what, self._loops.held() | {id(p) for model in self._models for p in model.parameters()}
        )

    def continues(self, what: Tensor | Optimizer) -> bool:
        """Whether a loss or an optimizer trains what has been trained before."""
        return self._reaches(what, self._loops.held())

    def _reaches(self, what: Tensor | Optimizer, held: set[int]) -> bool:
        if isinstance(what, Optimizer):
            return any(id(p) in held for group in what.param_groups for p in group["params"])
        self.see_shards()
        return any(id(leaf) in held for leaf in self._parameters.behind(what))

    def see_shards(self) -> None:
        """Pair the shards that the models hold now with what a graph shows of them."""
        self._parameters.pair(shards.pairs(self._modules.present()))

    def of_another_thread(self, root: Tensor) -> None:
        """Another thread's first backward, in that thread: what it reaches is not only ours."""
        self._loops.shared_with({id(leaf) for leaf in self._parameters.behind(root)})


def rehearses(optimizer: Optimizer) -> bool:
    """Whether an optimizer moves tensors that have shapes and no numbers."""
    first = next((p for group in optimizer.param_groups for p in group["params"]), None)
    return isinstance(first, Tensor) and without_numbers(first)
