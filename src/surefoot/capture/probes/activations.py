"""What the nonlinearities put out: dead and saturated shares, mean and deviation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from surefoot.capture.activations import Activations
from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import Activation
from surefoot.capture.parameters import Parameters
from surefoot.quantities import activations

ActivationSink = Callable[[int, str, int, float], None]
_QUANTITIES = ("dead_share", "saturated_share", "mean", "deviation")
_WINDOW = 20  # inspected steps after which a unit that no longer fires counts as dead again
_MOST_TURNS = 4  # of the same layer over many time steps: the first few stand for all


class _Unit:
    """One nonlinearity: which of its units have fired in the present and the last window."""

    def __init__(self) -> None:
        self.current: Tensor | None = None
        self.previous: Tensor | None = None
        self.looks = 0

    def dead_share(self, mask: Tensor) -> Tensor:
        """Share of units that have not fired in the window, shape ()."""
        if self.current is None or self.current.shape != mask.shape or self.current.device != mask.device:
            self.current, self.previous = mask, None
        else:
            self.current = self.current | mask
        earlier = self.previous
        alive = self.current if earlier is None or earlier.shape != mask.shape else self.current | earlier
        self.looks += 1
        if self.looks % _WINDOW == 0:
            self.previous, self.current = self.current, mask
        return 1 - alive.to(torch.float32).mean()


class ActivationsProbe(Probe):
    """Measures the outputs that the graph of an inspected loss holds.

    Args:
        activations: Number the nonlinearities.
        parameters: Number the parameters before them.
        deferred: Where device numbers wait for the next flush.
        keep: Called with (activation, quantity, step, value).
    """

    name = "activations"

    def __init__(
        self, activations: Activations, parameters: Parameters, deferred: Deferred, keep: ActivationSink
    ) -> None:
        self._activations = activations
        self._parameters = parameters
        self._deferred = deferred
        self._keep = keep
        self._units: dict[int, _Unit] = {}

    def graph_inspected(self, backward: Backward) -> None:
        """Measure each nonlinearity in the graph."""
        met: dict[tuple[str, int], int] = {}
        for activation in backward.graph.activations() if backward.graph is not None else ():
            after = self._parameters.index_of(activation.after) if activation.after is not None else -1
            turn = met[(activation.function, after)] = met.get((activation.function, after), -1) + 1
            if turn < _MOST_TURNS:
                self._measure(activation, (activation.function, after, turn), backward.step)

    def _measure(self, activation: Activation, key: tuple[str, int, int], step: int) -> None:
        output = activation.output
        index = self._activations.index_of(key, int(output.shape[activation.unit_dim]))
        unit = self._units.setdefault(index, _Unit())
        shares = activations.moments(output, activation.function)
        if activation.function in activations.RECTIFIED:
            dead = unit.dead_share(activations.fired(output, activation.unit_dim))
        else:
            dead = shares.new_full((), torch.nan)
        values = torch.cat([dead.reshape(1).to(shares.device), shares])
        self._deferred.add(values, lambda numbers: self._receive(index, step, numbers))

    def _receive(self, index: int, step: int, numbers: list[float]) -> None:
        for quantity, number in zip(_QUANTITIES, numbers, strict=True):
            self._keep(index, quantity, step, number)
