"""What a backward starts from, as a number: the function whose gradient is added to the parameters'."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from surefoot.capture.host import host_number
from surefoot.capture.unseen import readable

Parts = Sequence[tuple[Tensor, Tensor | None]]  # tensors that a backward starts from, each with its gradient

_MOST_SCALED = 16  # losses that a GradScaler has multiplied and whose backward may still come
_BEHIND = 4  # operations between a scaled loss and the root: a division, a sum with others


class Roots:
    """Turns the roots of backwards into losses; knows which of them a GradScaler has multiplied."""

    def __init__(self) -> None:
        self.outputs: OrderedDict[int, tuple[weakref.ref[Tensor], int, Any]] = OrderedDict()

    def scaled(self, output: Tensor, scaler: Any) -> None:
        """A GradScaler multiplied a loss."""
        node = output.grad_fn
        number = node._sequence_nr() if node is not None else -1
        self.outputs[id(output)] = (weakref.ref(output), number, scaler)
        while len(self.outputs) > _MOST_SCALED:
            self.outputs.popitem(last=False)

    def value(self, parts: Parts) -> float | Tensor | None:
        """The function that a backward follows, a GradScaler's factor taken out; a number where it is on the host.

        None where nobody but the tensor's own class could read it.

        Args:
            parts: At least one. A tensor with a gradient counts as their inner product, one without as itself.
        """
        total: float | Tensor = 0.0
        for root, gradient in parts:
            value = _product(root, gradient)
            if value is None:
                return None
            value = self._unscaled(root, value)
            total = value if total == 0.0 and isinstance(total, float) else total + value
        return total

    def _unscaled(self, root: Tensor, value: float | Tensor) -> float | Tensor:
        scaler = self._scaler_of(root) if self.outputs else None
        scale: Tensor | None = getattr(scaler, "_scale", None)
        if scale is None:
            return value
        number = host_number(scale)
        if number is not None:
            return value / number
        return torch.as_tensor(value, device=scale.device) / scale

    def _scaler_of(self, root: Tensor) -> Any:
        known = self.outputs.get(id(root))
        if known is not None and known[0]() is root:
            return known[2]
        numbers = {number: scaler for _, number, scaler in self.outputs.values() if number >= 0}
        nodes = [root.grad_fn]
        for _ in range(_BEHIND):
            nodes = [child for node in nodes if node is not None for child, _ in node.next_functions]
            for node in nodes:
                if node is not None and (scaler := numbers.get(node._sequence_nr())) is not None:
                    return scaler
        return None


def _product(root: Tensor, gradient: Tensor | None) -> float | Tensor | None:
    number = host_number(root)
    factor = 1.0 if gradient is None else host_number(gradient)
    if number is not None and factor is not None:
        return number * factor
    found = readable(root)
    weights = None if gradient is None else readable(gradient)
    if found is None or (gradient is not None and weights is None):
        return None
    value = found.detach()
    if weights is not None:
        return (value * weights.detach()).sum()
    return value.reshape(()).clone() if value.numel() == 1 else value.sum()
