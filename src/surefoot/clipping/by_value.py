"""Clipping each entry to a fixed value."""

from __future__ import annotations

from math import hypot, inf
from typing import Any

import torch
from torch import Tensor

from surefoot.clipping.base import NOT_A_NUMBER, Clipper
from surefoot.clipping.step import Step, dense_parts
from surefoot.errors import SettingError
from surefoot.norms import per_parameter_norms


class ClipByValue(Clipper):
    """Clips each entry of the gradient to [-max_value, max_value]; this changes the gradient's direction.

    A complex entry is two: its real and its imaginary part, as torch's optimizers take it.

    Args:
        max_value: Upper bound of an entry's absolute value, > 0. Unit: loss per parameter unit.
        common: What every `Clipper` takes.

    Raises:
        SettingError: A setting is outside its range.

    Source: Graves 2013, "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850, section 2.1.
        Differs: the entries are of the parameters' gradients, not of derivatives inside the network.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(2))
        >>> weight.grad = torch.tensor([3.0, -0.5])
        >>> result = ClipByValue(1.0)([weight])
        >>> weight.grad
        tensor([ 1.0000, -0.5000])
    """

    def __init__(self, max_value: float, **common: Any) -> None:
        super().__init__(**common)
        if not 0 < max_value < inf:
            raise SettingError(f"max_value={max_value} must be a positive number")
        self.max_value = float(max_value)

    def _clip_on_host(self, step: Step, values: list[float], norm: float) -> tuple[float, float]:
        if norm <= self.max_value:  # so is every entry
            return NOT_A_NUMBER, 1.0
        scale = 1.0 if step.scale is None else float(step.scale.cpu().numpy())
        limit = self.max_value * scale
        with torch.no_grad():
            parts = _real_parts(step)
            torch._foreach_clamp_min_(parts, -limit)
            torch._foreach_clamp_max_(parts, limit)
        after = hypot(*per_parameter_norms(step.gradients).tolist()) / scale
        return NOT_A_NUMBER, min(1.0, after / norm)

    def _clip_on_device(
        self, step: Step, norms: Tensor, norm: Tensor, record: Tensor, usable: Tensor
    ) -> tuple[Tensor, Tensor]:
        limit = torch.where(usable, self.max_value, torch.inf)
        if step.scale is not None:
            limit = limit * step.scale
        with torch.no_grad():
            for part in _real_parts(step):
                bound = limit.to(device=part.device, dtype=part.dtype, non_blocking=True)
                part.clamp_(-bound, bound)
        after = torch.linalg.vector_norm(per_parameter_norms(step.gradients, norms.dtype))
        if step.scale is not None:
            after = after / step.scale
        shrunk = usable & (after < norm)
        return torch.full_like(norm, torch.nan), torch.where(shrunk, after / norm, 1.0)

    def _why_not_one_factor(self) -> str | None:
        return "each entry is clipped by itself"

    def _settings(self) -> dict[str, Any]:
        return {"max_value": self.max_value, **super()._settings()}


def _real_parts(step: Step) -> list[Tensor]:
    """The stored entries of each gradient, real numbers all, that share its memory."""
    return [torch.view_as_real(part) if part.is_complex() else part for part in dense_parts(_coalesced(step))]


def _coalesced(step: Step) -> list[Tensor]:
    """The gradients, duplicate entries of sparse ones added up: a sum is to be clipped, not its parts."""
    for i, gradient in enumerate(step.gradients):
        if gradient.layout == torch.sparse_coo and not gradient.is_coalesced():
            step.parameters[i].grad = step.gradients[i] = gradient.coalesce()
    return step.gradients
