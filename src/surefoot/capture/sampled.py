"""The per-parameter quantities of a sampled step: measured around the update, kept on the device.

before it              what it may change is copied and measured
its gradients exist    they are measured: at once, or where a closure made them
after it               the update is measured
"""

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
        parameters: All that the loop descends, as they are before the step.
        found: Their gradients, where these exist already: what has none is left out from the start.
    """

    def __init__(self, parameters: Sequence[Tensor], found: Sequence[Tensor | None] | None = None) -> None:
        self._count = len(parameters)
        self._held = [
            (place, parameter)
            for place, parameter in enumerate(parameters)
            if parameter.numel() and (found is None or found[place] is not None)
        ]
        before = [parameter for _, parameter in self._held]
        self._snapshot = updates.snapshot(before) if before else []
        self._sizes = per_parameter_norms([parameter.detach() for parameter in before])
        self._measured: list[int] = []  # of those held, the ones with a gradient
        self._rows: dict[str, Tensor] = {}
        self._factors: list[float] | None = None

    def gradients(self, found: Sequence[Tensor | None], scale: Tensor | None = None) -> None:
        """Measure the gradients that the step follows; those of an accumulation may come again.

        Args:
            found: One for each parameter.
            scale: GradScaler's factor that is still in them.
        """
        given = [(number, found[place]) for number, (place, _) in enumerate(self._held)]
        self._measured = [number for number, gradient in given if gradient is not None]
        present = [gradient for _, gradient in given if gradient is not None]
        if not present:
            return
        norms = per_parameter_norms(present)
        zero, nonfinite = gradients.shares(present)
        # The norm meets every entry, the share of a large tensor a part of them.
        least = _on_device([1 / gradient.numel() for gradient in present], nonfinite.device)
        nonfinite = torch.where(norms.isfinite(), nonfinite, nonfinite.maximum(least))
        if scale is not None:
            norms = norms / scale.to(norms.device)
        self._rows = {"grad_norm": norms, "grad_zero_share": zero, "grad_nonfinite_share": nonfinite}

    def follow(self, new: Sequence[Tensor]) -> None:
        """The step put new tensors in the place of the old ones: the update leads to these."""
        if len(new) != self._count:
            self._measured = []
            return
        self._held = [(place, new[place]) for place, _ in self._held]

    def after(self) -> None:
        """Measure the update."""
        if not self._measured:
            self._rows = {}
            return
        after = [self._held[number][1] for number in self._measured]
        before = [self._snapshot[number] for number in self._measured]
        factors = updates.scale_of(after)
        self._factors = None if all(factor == 1.0 for factor in factors) else factors
        self._rows["param_norm"] = self._present(self._sizes)
        self._rows["update_norm"] = updates.update_norms(after, before)
        self._snapshot = []

    def _present(self, values: Tensor) -> Tensor:
        if len(self._measured) == len(values):
            return values
        each = values.unbind()
        return torch.stack([each[number] for number in self._measured])

    def hand_over(
        self, step: int, optimizer: int, columns: Sequence[int], keep: Callable[[PendingLayer], None]
    ) -> None:
        """Give the rows away.

        Args:
            step: The step's number.
            optimizer: The loop's.
            columns: One for each parameter.
            keep: Takes each row.
        """
        if len(columns) != self._count:
            return  # parameters were added under our hands
        placed = [columns[self._held[number][0]] for number in self._measured]
        for quantity, values in self._rows.items():
            factors = self._factors if quantity == "update_norm" else None
            keep(PendingLayer(step, optimizer, quantity, placed, values, factors))


def plain(parameters: Sequence[Tensor]) -> bool:
    """Whether all and their gradients can be copied and compared entry by entry on this process."""
    return all(
        type(p) in (Tensor, torch.nn.Parameter) and p.layout == torch.strided and readable(p) is p
        and (p.grad is None or readable(p.grad) is p.grad)
        for p in parameters
    )  # fmt: skip


def _on_device(numbers: Sequence[float], device: torch.device) -> Tensor:
    """Host numbers as a tensor; a copy from pinned memory waits for nothing."""
    return torch.tensor(numbers, pin_memory=device.type == "cuda").to(device, non_blocking=True)


NORMS = ("norms of each parameter", "gradient noise")


def why_not_plain(parameters: Sequence[Tensor]) -> str:
    """What keeps parameters that are not plain from being measured, in words."""
    odd = next((p for p in parameters if not plain([p])), None)
    if odd is None:
        return "its tensors are not plain"
    kind = type(odd)
    if kind not in (Tensor, torch.nn.Parameter):
        return f"parameters are {kind.__name__}"
    if odd.layout != torch.strided:
        return f"parameters are {odd.layout}".replace("torch.", "")
    return "parameters or gradients have no numbers of their own in this process"
