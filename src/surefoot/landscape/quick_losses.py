"""Losses computed a quicker way for a landscape: the same numbers up to rounding.

A log-softmax over few classes is taken along the other axis, which vectorises. An elementwise loss is reduced without a
second tensor of the outputs' size, since fresh memory costs more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

FEW_CLASSES = 64


def _cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, **kwargs: Any) -> Tensor:
    given = {name: value for name, value in kwargs.items() if value}
    plain = set(given) <= {"ignore_index", "reduction"} and not target.is_floating_point()
    if plain and input.dim() == 2 and input.shape[1] <= FEW_CLASSES:
        # As one picture of N pixels: of rows the loss would take a copy.
        picture = input.t().log_softmax(0).unsqueeze(0)
        return F.nll_loss(picture, target.unsqueeze(0), weight, **given).squeeze(0)
    return F.cross_entropy(input, target, weight, **kwargs)


def _elementwise(loss: Callable[..., Tensor], in_place: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """A mean or sum of an elementwise loss without fresh memory, which is slow.

    With `ours` the input is nobody else's and may be overwritten.
    """

    def quick(input: Tensor, target: Tensor, *args: Any, ours: bool = False, **kwargs: Any) -> Tensor:
        given = {name: value for name, value in kwargs.items() if value is not None}
        reduction = given.pop("reduction", "mean")
        plain = not args and not given and reduction in ("mean", "sum") and input.shape == target.shape
        if not plain or torch.is_grad_enabled() or input.dtype != target.dtype:
            return loss(input, target, *args, **kwargs)
        each = in_place(input.sub_(target) if ours else input - target)
        return each.mean() if reduction == "mean" else each.sum()

    return quick


IN_PLACE_LOSSES: dict[Callable[..., Any], Callable[..., Tensor]] = {
    F.l1_loss: _elementwise(F.l1_loss, Tensor.abs_),
    F.mse_loss: _elementwise(F.mse_loss, lambda off: off.mul_(off)),
}
QUICK_LOSSES: dict[Callable[..., Any], Callable[..., Tensor]] = {
    F.cross_entropy: _cross_entropy,
    **IN_PLACE_LOSSES,
}
