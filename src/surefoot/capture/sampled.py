"""The per-parameter quantities of a sampled step: measured around `optimizer.step()`, kept on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from surefoot.capture.pending import PendingLayer
from surefoot.capture.unseen import readable
from surefoot.norms import per_parameter_norms
from surefoot.quantities import gradients, updates


class SampledStep:
    """Measures one step of one loop.

    Args:
        step: Its number.
        optimizer: The loop's index.
        parameters: What the step may change.
        columns: Their columns.
        keep: Takes each finished row.
        found: Their gradients; None: those that the parameters hold.
    """

    def __init__(
        self,
        step: int,
        optimizer: int,
        parameters: Sequence[Tensor],
        columns: Sequence[int],
        keep: Callable[[PendingLayer], None],
        found: Sequence[Tensor | None] | None = None,
    ) -> None:
        self._step = step
        self._optimizer = optimizer
        self._keep = keep
        held = [
            (parameter, column, gradient)
            for parameter, column, gradient in zip(
                parameters, columns, found or [p.grad for p in parameters], strict=True
            )
            if gradient is not None and parameter.numel()
        ]
        self._parameters = [parameter for parameter, _, _ in held]
        self._columns = [column for _, column, _ in held]
        self._gradients = [gradient for _, _, gradient in held]
        self._before: list[Tensor] = []

    def before(self) -> None:
        """Measure gradients and parameters, and keep what the update will be held against."""
        if not self._parameters:
            return
        found, self._gradients = self._gradients, []
        norms = per_parameter_norms(found)
        self._row("grad_norm", norms)
        zero, nonfinite = gradients.shares(found)
        self._row("grad_zero_share", zero)
        # The norm meets every entry, the share of a large tensor a part of them.
        least = torch.tensor([1 / gradient.numel() for gradient in found], device=nonfinite.device)
        self._row("grad_nonfinite_share", torch.where(norms.isfinite(), nonfinite, nonfinite.maximum(least)))
        self._row("param_norm", per_parameter_norms([parameter.detach() for parameter in self._parameters]))
        self._before = updates.snapshot(self._parameters)

    def follow(self, old: Sequence[Tensor], new: Sequence[Tensor]) -> None:
        """The step put new tensors in the place of old ones: the update leads to these."""
        places = {id(before): after for before, after in zip(old, new, strict=True)}
        self._parameters = [places.get(id(parameter), parameter) for parameter in self._parameters]

    def after(self) -> None:
        """Measure the update."""
        if self._before:
            factors = updates.scale_of(self._parameters)
            self._row("update_norm", updates.update_norms(self._parameters, self._before), factors)
            self._before = []

    def _row(self, quantity: str, values: Tensor, factors: list[float] | None = None) -> None:
        if factors is not None and all(factor == 1.0 for factor in factors):
            factors = None
        self._keep(PendingLayer(self._step, self._optimizer, quantity, self._columns, values, factors))


def plain(parameters: Sequence[Tensor]) -> bool:
    """Whether all and their gradients can be copied and compared entry by entry on this process."""
    return all(
        type(p) in (Tensor, torch.nn.Parameter) and p.layout == torch.strided and readable(p) is p
        and (p.grad is None or readable(p.grad) is p.grad)
        for p in parameters
    )  # fmt: skip
