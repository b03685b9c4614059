"""Clipping each unit's norm to a threshold: what AutoClip, ClipByNorm and ZClip share.

A unit is what has one norm and one threshold: all gradients together, or those of a parameter group, a
module or a parameter. Norms of all parameters are measured in one batch, whatever the units are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import hypot
from typing import Any, Literal, get_args

from torch.optim import Optimizer

from surefoot.clipping.base import NOT_A_NUMBER, Clipper
from surefoot.clipping.names import parameter_names
from surefoot.clipping.step import Step, scale_each
from surefoot.errors import ClippingError, SettingError

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
        self._units: list[str] = []
        self._unit_of: list[int] = []

    @abstractmethod
    def _thresholds(self, units: Sequence[str], norms: Sequence[float], record: bool) -> list[float]:
        """Threshold of each unit; with `record` its norm is taken in first."""

    def _clip_on_host(self, step: Step, values: list[float], norm: float) -> tuple[float, float]:
        if self.scope == "global":
            threshold = self._thresholds((GLOBAL,), (norm,), step.record)[0]
            factor = factor_of(norm, threshold)
            if factor != 1.0:
                self._scale_all(step, factor)
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

    def _find_units(self, step: Step) -> None:
        """Bring `_units` (names) and `_unit_of` (index of each gradient's unit) up to date with the step."""
        key = [id(p) for p in step.parameters]
        if key == self._key:
            return
        names = parameter_names(step.optimizer, self._names)
        if self.scope == "parameter":
            labels = [names.get(k, f"parameter {i}") for i, k in enumerate(key)]
        elif self.scope == "module":
            unnamed = [k for k in key if "." not in names.get(k, "") and k not in self._names]
            if unnamed and (step.optimizer is None or not _has_names(step.optimizer)):
                raise ClippingError(
                    "scope='module' needs the names of the parameters: attach(optimizer, model), or make the "
                    "optimizer from model.named_parameters()"
                )
            labels = [names[k].rpartition(".")[0] for k in key]
        else:
            groups = _groups(step.optimizer)
            labels = [groups[k] for k in key]
        self._units = list(dict.fromkeys(labels))
        place = {unit: i for i, unit in enumerate(self._units)}
        self._unit_of = [place[label] for label in labels]
        self._key = key

    def _why_not_one_factor(self) -> str | None:
        return None if self.scope == "global" else f"each {self.scope} has a factor of its own"

    def _settings(self) -> dict[str, Any]:
        return {
            "scope": self.scope,
            "nonfinite": self.nonfinite,
            "max_consecutive_skips": self.max_consecutive_skips,
            "threshold_on": self.threshold_on,
        }


def factor_of(norm: float, threshold: float) -> float:
    """min(1, threshold / norm); 1 for a norm of zero and for a threshold that is not known."""
    if not norm > threshold:
        return 1.0
    factor = threshold / norm
    return factor if factor < _ONE else 1.0


def _has_names(optimizer: Optimizer) -> bool:
    return all(group.get("param_names") for group in optimizer.param_groups)


def _groups(optimizer: Optimizer | None) -> dict[int, str]:
    if optimizer is None:
        raise ClippingError("scope='group' means an optimizer's parameter groups: attach the clipper to one")
    return {
        id(parameter): f"group {i}"
        for i, group in enumerate(optimizer.param_groups)
        for parameter in group["params"]
    }
