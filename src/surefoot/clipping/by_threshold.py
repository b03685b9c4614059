"""Clipping each unit's norm to a threshold: what AutoClip, ClipByNorm and ZClip share.

U: units, that is, what has one norm and one threshold: all gradients together, or those of a parameter
   group, a module or a parameter. Norms of all parameters are measured in one batch, whatever the units
   are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import hypot
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from surefoot.clipping.base import NOT_A_NUMBER, Clipper
from surefoot.clipping.device_numbers import device_number
from surefoot.clipping.names import unit_names
from surefoot.clipping.step import Step, scale_each, scale_gradients
from surefoot.errors import SettingError

Scope = Literal["global", "group", "module", "parameter"]
GLOBAL = "all gradients"

# Factors above this round to 1 in float32, the precision that gradients are scaled in: nothing is clipped.
_ONE = 1 - 2.0**-25


class ThresholdClipper(Clipper):
    """Scales each unit's gradient so that its norm is at most the unit's threshold."""

    def __init__(self, *, scope: Scope = "global", **common: Any) -> None:
        super().__init__(**common)
        if scope not in get_args(Scope):
            raise SettingError(f"scope={scope!r} is none of {', '.join(get_args(Scope))}")
        self.scope: Scope = scope
        self._key: list[int] = []
        self._units: tuple[str, ...] = ()
        self._unit_of: list[int] = []
        self._unit_index: Tensor | None = None  # the same on the device

    @abstractmethod
    def _thresholds(self, units: Sequence[str], norms: Sequence[float], record: bool) -> Sequence[float]:
        """Threshold of each unit; with `record` its norm is taken in first."""

    @abstractmethod
    def _thresholds_on_device(self, units: tuple[str, ...], norms: Tensor, record: Tensor) -> Tensor:
        """The same on the device: norms and result of shape (U,), record of shape ()."""

    def _clip_on_host(self, step: Step, values: list[float], norm: float) -> tuple[float, float]:
        if self.scope == "global":
            threshold = self._thresholds((GLOBAL,), (norm,), step.record)[0]
            factor = factor_of(norm, threshold)
            if factor != 1.0:
                if step.gate is None:
                    scale_gradients(step.gradients, factor)
                else:
                    step.gate.scale_all(step, factor)
            return threshold, factor
        self._find_units(step)
        members: list[list[float]] = [[] for _ in self._units]
        for unit, value in zip(self._unit_of, values, strict=True):
            members[unit].append(value)
        norms = [hypot(*member) for member in members]
        thresholds = self._thresholds(self._units, norms, step.record)
        factors = [factor_of(n, threshold) for n, threshold in zip(norms, thresholds, strict=True)]
        scale_each(step.gradients, [factors[unit] for unit in self._unit_of])
        after = hypot(*(n * factor for n, factor in zip(norms, factors, strict=True)))
        return NOT_A_NUMBER, factor_of(norm, after)

    def _clip_on_device(
        self, step: Step, norms: Tensor, norm: Tensor, record: Tensor, usable: Tensor
    ) -> tuple[Tensor, Tensor]:
        if self.scope == "global":
            threshold = self._thresholds_on_device((GLOBAL,), norm.unsqueeze(0), record).squeeze(0)
            factor = _factor_on_device(norm, threshold, usable)
            if step.gate is None:
                scale_gradients(step.gradients, factor)
            else:
                step.gate.scale_all(step, factor)
            return threshold, factor
        self._find_units(step)
        if self._unit_index is None:
            self._unit_index = torch.tensor(self._unit_of, device=norms.device)
        squares = norms.new_zeros(len(self._units)).index_add(0, self._unit_index, norms.square())
        unit_norms = squares.sqrt()
        thresholds = self._thresholds_on_device(self._units, unit_norms, record)
        factors = _factor_on_device(unit_norms, thresholds, usable)
        for unit, factor in enumerate(factors.unbind()):
            members = [g for g, u in zip(step.gradients, self._unit_of, strict=True) if u == unit]
            scale_gradients(members, factor)
        after = torch.linalg.vector_norm(unit_norms * factors)
        return torch.full_like(norm, torch.nan), _factor_on_device(norm, after, usable)

    def _find_units(self, step: Step) -> None:
        """Bring `_units` (names) and `_unit_of` (index of each gradient's unit) up to date with the step."""
        key = [id(p) for p in step.parameters]
        if key != self._key:
            labels = unit_names(self.scope, step)
            self._units = tuple(dict.fromkeys(labels))
            place = {unit: i for i, unit in enumerate(self._units)}
            self._unit_of = [place[label] for label in labels]
            self._unit_index = None
            self._key = key

    def _why_not_one_factor(self) -> str | None:
        return None if self.scope == "global" else f"each {self.scope} has a factor of its own"

    def _settings(self) -> dict[str, Any]:
        return {"scope": self.scope, **super()._settings()}


def factor_of(norm: float, threshold: float) -> float:
    """min(1, threshold / norm); 1 for a norm of zero and for a threshold that is not known."""
    if not norm > threshold:
        return 1.0
    factor = threshold / norm
    return factor if factor < _ONE else 1.0


def _factor_on_device(norms: Tensor, thresholds: Tensor, usable: Tensor) -> Tensor:
    factors = thresholds / norms
    # False for NaN as well: a threshold that is not known, a norm of zero.
    one = device_number(1.0, factors.device, factors.dtype)
    return torch.where((factors < _ONE) & usable, factors, one)
