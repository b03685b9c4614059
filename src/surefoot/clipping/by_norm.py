"""Clipping to a fixed norm."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import torch
from torch import Tensor

from surefoot.clipping.by_threshold import ThresholdClipper
from surefoot.errors import SettingError


class ClipByNorm(ThresholdClipper):
    """Clips the gradient's norm to a number that you choose.

    Args:
        max_norm: Upper bound of the L2 norm, > 0. Unit: loss per parameter unit, so it changes with the
            loss's scale, the batch size's reduction and the model.
        common: `scope` ("global", "group", "module", "parameter") and what every `Clipper` takes.

    Raises:
        SettingError: A setting is outside its range.

    Source: Pascanu, Mikolov, Bengio 2013, "On the difficulty of training recurrent neural networks",
        arXiv:1211.5063, Algorithm 1. Differs: the non-finite case, and scopes.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(2))
        >>> weight.grad = torch.tensor([3.0, 4.0])
        >>> ClipByNorm(1.0)([weight])
        ClipResult(norm=5, threshold=1, factor=0.2, skipped=False)
        >>> weight.grad
        tensor([0.6000, 0.8000])
    """

    def __init__(self, max_norm: float, **common: Any) -> None:
        super().__init__(**common)
        if not 0 < max_norm < inf:
            raise SettingError(f"max_norm={max_norm} must be a positive number")
        self.max_norm = float(max_norm)

    def _thresholds(self, units: Sequence[str], norms: Sequence[float], record: bool) -> Sequence[float]:
        return [self.max_norm] * len(units)

    def _thresholds_on_device(self, units: tuple[str, ...], norms: Tensor, record: Tensor) -> Tensor:
        return torch.full_like(norms, self.max_norm)

    def _threshold_now(self) -> float:
        return self.max_norm

    def _settings(self) -> dict[str, Any]:
        return {"max_norm": self.max_norm, **super()._settings()}
