"""A look at the autograd graph of a training loss: reach, activations, linear pairs, broadcasting, symmetry."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from surefoot.capture import graph, handmade_loss
from surefoot.capture.deferred import Deferred
from surefoot.capture.parameters import Parameters
from surefoot.capture.unseen import readable
from surefoot.facts import Fact, GraphGrowth, LinearPair, ManualLoss, Symmetry
from surefoot.quantities import activations, symmetry
from surefoot.records import ActivationInfo

ActivationSink = Callable[[int, str, int, float], None]

_WINDOW = 20  # looks after which a unit that no longer fires counts as dead again


class _Unit:
    """One nonlinearity: which of its units have fired in the present and the last window."""

    def __init__(self, index: int, units: int) -> None:
        self.index = index
        self.units = units
        self.current: Tensor | None = None
        self.previous: Tensor | None = None
        self.looks = 0

    def fired(self, mask: Tensor) -> Tensor:
        """Share of units that have not fired in the window, shape ()."""
        if self.current is None or self.current.shape != mask.shape or self.current.device != mask.device:
            self.current, self.previous = mask, None
        else:
            self.current = self.current | mask
        alive = (
            self.current
            if self.previous is None or self.previous.shape != mask.shape
            else self.current | self.previous
        )
        self.looks += 1
        if self.looks % _WINDOW == 0:
            self.previous, self.current = self.current, mask
        return 1 - alive.to(torch.float32).mean()


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


class GraphLook:
    """Reads loss graphs and keeps what rules want to know of them.

    Args:
        parameters: Registry that learns which leaves a gradient reaches.
        deferred: Where device numbers wait for the next flush.
        metric: Called with (name, step, value).
        layer: Called with (activation index, quantity, step, value).
    """

    def __init__(
        self,
        parameters: Parameters,
        deferred: Deferred,
        metric: Callable[[str, int, float], None],
        layer: ActivationSink,
    ) -> None:
        self.saved_tensors = True
        self._parameters = parameters
        self._deferred = deferred
        self._metric = metric
        self._layer = layer
        self._units: dict[tuple[str, int, int], _Unit] = {}
        self._pairs: dict[tuple[int, int], dict[str, Any]] = {}
        self._symmetry: dict[int, _Symmetry] = {}
        self._manual: dict[str, dict[str, Any]] = {}
        self._nodes: list[int] = []
        self._output: int | None = None  # the weight nearest to the loss
        self._compares_units = True
        self.leaf_root = False
        self.retain_graph = 0
        self.retain_place: str | None = None

    def new_activations(self, since: int) -> list[ActivationInfo]:
        """Records of the activations met after the first `since`."""
        return [self._described(*item) for item in list(self._units.items())[since:]]

    def _described(self, key: tuple[str, int, int], unit: _Unit) -> ActivationInfo:
        # Named now: at the look that met it first, its model may not have had its turn.
        function, after, turn = key
        where = f" after {_name(self._parameters, after)}" if after >= 0 else ""
        again = f" #{turn + 1}" if turn else ""
        return ActivationInfo(unit.index, f"{function}{where}{again}", function, unit.units)

    def leaves(self, root: Tensor) -> list[Tensor]:
        """The leaf tensors that a loss's gradient reaches."""
        if root.grad_fn is None:
            return [root]
        seen = graph.LossGraph(root.grad_fn, saved_tensors=False)
        return [self._parameters.held(leaf) for leaf in seen.leaves]

    def read(
        self, root: Tensor, step: int, place: str | None, by_function: bool, batch_size: int | None
    ) -> list[Tensor]:
        """Look at a loss just before its backward.

        Args:
            root: What backward starts from.
            step: The step under way.
            place: The user's line of the backward.
            by_function: A loss function of PyTorch's made this loss.
            batch_size: Examples in the batch, if known.

        Returns:
            The leaves that a gradient will reach.
        """
        if root.grad_fn is None:
            self.leaf_root = self.leaf_root or root.is_leaf
            return [root]
        seen = graph.LossGraph(root.grad_fn, saved_tensors=self.saved_tensors and readable(root) is root)
        self._nodes.append(len(seen))
        self._metric("graph/nodes", step, float(len(seen)))
        self._parameters.reached(leaf for leaf in seen.leaves if leaf.requires_grad)
        weight, _ = graph.nearest_weight(root.grad_fn)
        self._output = self._parameters.index_of(weight) if weight is not None else None
        self._activations(seen, step)
        self._linear_pairs(seen)
        # Units that were alike drift apart slowly.
        self._compares_units = len(self._nodes) <= 3 or len(self._nodes) % 5 == 0
        for leaf in seen.leaves if self._compares_units else ():
            if leaf.ndim >= 2 and leaf.shape[0] > 1 and leaf.is_floating_point() and readable(leaf) is leaf:
                self._look_for_symmetry(leaf)
        if not by_function:
            self._by_hand(seen, place, batch_size)
        return [self._parameters.held(leaf) for leaf in seen.leaves]

    def _activations(self, seen: graph.LossGraph, step: int) -> None:
        met: dict[tuple[str, int], int] = {}
        for activation in seen.activations():
            after = self._parameters.index_of(activation.after) if activation.after is not None else -1
            turn = met[(activation.function, after)] = met.get((activation.function, after), -1) + 1
            if turn >= 4:  # the same layer over many time steps: the first few stand for all
                continue
            key = (activation.function, after, turn)
            unit = self._units.get(key)
            output = activation.output
            if unit is None:
                units = int(output.shape[activation.unit_dim])
                unit = self._units[key] = _Unit(len(self._units), units)
            shares = activations.moments(output, activation.function)
            if activation.function in activations.RECTIFIED:
                dead = unit.fired(activations.fired(output, activation.unit_dim))
            else:
                dead = shares.new_full((), torch.nan)
            self._receive(unit.index, step, torch.cat([dead.reshape(1).to(shares.device), shares]))

    def _receive(self, index: int, step: int, values: Tensor) -> None:
        def receive(numbers: list[float]) -> None:
            names = ("dead_share", "saturated_share", "mean", "deviation")
            for name, number in zip(names, numbers, strict=True):
                self._layer(index, name, step, number)

        self._deferred.add(values, receive)

    def _linear_pairs(self, seen: graph.LossGraph) -> None:
        nonlinearities: int | None = None
        for pair in seen.linear_pairs():
            first, second = self._parameters.index_of(pair.first), self._parameters.index_of(pair.second)
            if (first, second) in self._pairs:
                continue
            if nonlinearities is None:
                nonlinearities = seen.nonlinearities()
            inner, outer = pair.inner_width, pair.outer_width
            entering = pair.first.numel() // max(1, inner)
            self._pairs[(first, second)] = {
                "between": tuple(pair.between),
                "nonlinearities": nonlinearities,
                "bottleneck": inner < min(outer, entering),
                "inner_width": inner,
            }

    def _look_for_symmetry(self, weight: Tensor) -> None:
        index = self._parameters.index_of(weight)
        kept = self._symmetry.get(index)
        if kept is None or kept.ref() is not weight:
            kept = self._symmetry[index] = _Symmetry(weight)
        values = weight.detach()
        least, greatest = torch.aminmax(values)
        numbers = torch.stack([symmetry.row_spread(values), least.float(), greatest.float()])
        self._deferred.add(numbers, kept.receive)

    def symmetry_of_gradients(self) -> None:
        """After a looked-at backward: how alike the gradients of a layer's units are."""
        for kept in self._symmetry.values() if self._compares_units else ():
            weight = kept.ref()
            gradient = weight.grad if weight is not None else None
            if gradient is None or gradient.is_sparse or readable(gradient) is not gradient:
                continue
            if gradient.shape[0] > 1:
                self._deferred.add(symmetry.row_spread(gradient), kept.receive_gradient)

    def _by_hand(self, seen: graph.LossGraph, place: str | None, batch_size: int | None) -> None:
        key = place or "unknown place"
        if key in self._manual and self._manual[key]["looks"] >= 5:
            self._manual[key]["looks"] += 1
            return
        names = [node.name() for node in seen.nodes[:40]]
        data = self._manual.setdefault(key, {"looks": 0, "place": place})
        data["looks"] += 1
        data["root"] = names[0]
        data["operations"] = tuple(names[:12])
        data["broadcast"] = handmade_loss.broadcast(seen)
        data["sum_root"] = handmade_loss.summed(seen)
        data["probabilities"], data["log_of_zero_risk"] = handmade_loss.probabilities(seen)
        data["batch_size"] = batch_size

    def facts(self) -> Iterator[Fact]:
        """Linear pairs, symmetry, losses made by hand, growth of the graph."""
        for (first, second), data in self._pairs.items():
            names = [_name(self._parameters, index) for index in (first, second)]
            layers = self._row_length(first, second)
            yield LinearPair(
                f"{names[0]} -> {names[1]}", first=names[0], second=names[1], layers=layers, **data
            )
        for index, kept in self._symmetry.items():
            if kept.first is not None:
                name = _name(self._parameters, index)
                yield Symmetry(
                    name,
                    first=kept.first,
                    last=kept.last,
                    gradient_spread=kept.gradient,
                    constant=kept.constant,
                    units=kept.units,
                    is_output=index == self._output,
                )
        for place, data in self._manual.items():
            yield ManualLoss(place, **data)
        if self._nodes:
            yield GraphGrowth(
                first_nodes=self._nodes[0],
                last_nodes=self._nodes[-1],
                looked=len(self._nodes),
                retain_graph=self.retain_graph,
                place=self.retain_place,
            )

    def _row_length(self, first: int, second: int) -> int:
        """Layers in the longest row with these two in it."""
        after: dict[int, list[int]] = {}
        before: dict[int, list[int]] = {}
        for a, b in self._pairs:
            after.setdefault(a, []).append(b)
            before.setdefault(b, []).append(a)
        return _longest(first, before, {second}) + _longest(second, after, {first})


def _longest(layer: int, beside: Mapping[int, list[int]], passed: set[int]) -> int:
    """Layers in the longest row that begins at one, itself included; shared weights end it."""
    passed = passed | {layer}
    further = [_longest(other, beside, passed) for other in beside.get(layer, ()) if other not in passed]
    return 1 + max(further, default=0)


def _name(parameters: Parameters, index: int) -> str:
    tensor = parameters.tensor(index)
    return parameters.name_of(tensor) if tensor is not None else f"parameter {index}"
