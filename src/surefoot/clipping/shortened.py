"""Updates cut short: after the step, a parameter goes back part of the way to where it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from surefoot.clipping.step import dense_parts


class ShortenedUpdates:
    """Copies of parameters before a step, and which share of its update each is to keep.

    That share of the whole update, decay included, is what a learning rate of its own would give the parameter,
    which no optimizer of torch's has.

    Args:
        parameters: n parameters before the step.
        shares: n numbers in (0, 1], in host memory or on the device; those in host memory that are 1 cost nothing.
    """

    def __init__(self, parameters: Sequence[Tensor], shares: Sequence[float] | Tensor) -> None:
        self._rest: list[float] | Tensor
        if isinstance(shares, Tensor):
            self._parameters, self._rest = list(parameters), 1 - shares
        else:
            short = [(p, 1 - share) for p, share in zip(parameters, shares, strict=True) if share < 1]
            self._parameters, self._rest = [p for p, _ in short], [rest for _, rest in short]
        self._before = [part.clone() for part in self._parts()]

    def apply(self) -> None:
        """After the step: go back what is too much."""
        rests: Sequence[Any] = self._rest.unbind() if isinstance(self._rest, Tensor) else self._rest
        for part, old, rest in zip(self._parts(), self._before, rests, strict=True):
            part.lerp_(old, rest.to(part.device, part.dtype) if isinstance(rest, Tensor) else rest)

    def _parts(self) -> list[Tensor]:
        with torch.no_grad():
            return dense_parts([p.detach() for p in self._parameters])
