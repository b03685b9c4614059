"""The change that a step makes to each parameter, against the parameter's own size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from surefoot.norms import per_parameter_norms

_EXACT = 1 << 16  # entries up to which a tensor is compared whole


def watched_part(parameter: Tensor) -> Tensor:
    """The entries of a parameter that are compared: all of a small one, an evenly spaced part of a large one.

    A copy of a whole large model could exhaust the memory of the device that trains it.
    """
    data = parameter.detach()
    if data.numel() <= _EXACT or not data.is_contiguous():
        return data
    # An odd distance: an even one would meet the same columns of a matrix again and again.
    return data.view(-1)[:: math.ceil(data.numel() / _EXACT) | 1]


def snapshot(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Copies of the watched parts."""
    return [watched_part(parameter).clone() for parameter in parameters]


def scale_of(parameters: Sequence[Tensor]) -> list[float]:
    """Factor for each parameter from the norm of its watched part to the estimated norm of the whole."""
    return [math.sqrt(p.numel() / max(1, watched_part(p).numel())) for p in parameters]


def update_norms(parameters: Sequence[Tensor], before: Sequence[Tensor]) -> Tensor:
    """Norm of each watched part's change since `before`.

    Returns:
        Shape (n,), float32.
    """
    after = [watched_part(parameter) for parameter in parameters]
    return per_parameter_norms(torch._foreach_sub(after, list(before)))
