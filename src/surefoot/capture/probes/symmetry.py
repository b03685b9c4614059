"""Units of a layer that are alike: they are given the same gradient and stay alike."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import nearest_weight
from surefoot.capture.loops import Loops
from surefoot.capture.parameters import Parameters
from surefoot.capture.unseen import readable
from surefoot.facts import Fact, Symmetry
from surefoot.quantities import symmetry


class _Symmetry:
    def __init__(self, weight: Tensor) -> None:
        self.ref = weakref.ref(weight)
        self.units = int(weight.shape[0])
        self.first: float | None = None
        self.last: float | None = None
        self.gradient: float | None = None
        self.constant: bool | None = None

    def receive_gradient(self, numbers: list[float]) -> None:
        """Take the spread of the gradient."""
        self.gradient = numbers[0]

    def receive(self, numbers: list[float]) -> None:
        """Take spread and range of the weight."""
        spread, least, greatest = numbers
        if self.first is None:
            self.first = spread
            self.constant = least == greatest
        self.last = spread


class SymmetryProbe(Probe):
    """Compares the rows of the weights that a gradient reaches, and of their gradients.

    Args:
        parameters: Number and name the weights.
        loops: Know whether another thread writes some of their gradients.
        deferred: Where device numbers wait for the next flush.
    """

    name = "symmetry"

    def __init__(self, parameters: Parameters, loops: Loops, deferred: Deferred) -> None:
        self._parameters = parameters
        self._loops = loops
        self._deferred = deferred
        self._kept: dict[int, _Symmetry] = {}
        self._output: int | None = None  # the weight nearest to the loss
        self._inspected = 0
        self._compares = True

    def graph_inspected(self, backward: Backward) -> None:
        """Compare the rows of the weights; at each of the first, then now and then: they drift apart slowly."""
        if backward.graph is None or backward.root is None:
            return
        weight, _ = nearest_weight(backward.root.grad_fn)
        self._output = self._parameters.index_of(weight) if weight is not None else None
        self._inspected += 1
        self._compares = self._inspected <= 3 or self._inspected % 5 == 0
        for leaf in backward.graph.leaves if self._compares else ():
            if leaf.ndim >= 2 and leaf.shape[0] > 1 and leaf.is_floating_point() and readable(leaf) is leaf:
                self._compare(leaf)

    def _compare(self, weight: Tensor) -> None:
        index = self._parameters.index_of(weight)
        kept = self._kept.get(index)
        if kept is None or kept.ref() is not weight:
            kept = self._kept[index] = _Symmetry(weight)
        values = weight.detach()
        least, greatest = torch.aminmax(values)
        numbers = torch.stack([symmetry.row_spread(values), least.float(), greatest.float()])
        self._deferred.add(numbers, kept.receive)

    def gradients_inspected(self, backward: Backward) -> None:
        """How alike the gradients of a layer's units are."""
        if not self._compares or len(self._loops.own) != len(self._loops.everyone):
            return
        for kept in self._kept.values():
            weight = kept.ref()
            gradient = weight.grad if weight is not None else None
            if gradient is None or gradient.is_sparse or readable(gradient) is not gradient:
                continue
            if gradient.shape[0] > 1:
                self._deferred.add(symmetry.row_spread(gradient), kept.receive_gradient)

    def facts(self) -> Iterator[Fact]:
        """One fact for each weight."""
        for index, kept in self._kept.items():
            if kept.first is not None:
                yield Symmetry(
                    self._parameters.name_at(index),
                    first=kept.first,
                    last=kept.last,
                    gradient_spread=kept.gradient,
                    constant=kept.constant,
                    units=kept.units,
                    is_output=index == self._output,
                )
