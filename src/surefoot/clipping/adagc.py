"""AdaGC: each parameter's gradient is clipped relative to what its own clipped norms have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot, inf
from typing import Any

import torch
from torch import Tensor

from surefoot.clipping.by_threshold import Scope, ThresholdClipper
from surefoot.errors import SettingError


class AdaGC(ThresholdClipper):
    """Clips each parameter's gradient to a little above the running mean of its clipped norms.

    One layer's spike is clipped there and nowhere else, and never enters the mean. While a unit warms up, all
    gradients together are clipped to `max_norm`, and the smallest clipped norm is remembered.

    Args:
        relative: λ_rel > 0: how many times its running mean a unit's norm may be.
        decay: β in (0, 1): how much of the mean stays at each step.
        warmup: Steps, >= 1, of each unit before its mean is used.
        max_norm: λ_abs > 0: bound of the global norm during the warm-up. Unit: loss per parameter unit.
        scope: What has a mean of its own: "parameter" as in the paper, "module" or "group".
        common: What every `Clipper` takes.

    Raises:
        SettingError: A setting is outside its range.

    Source: Wang et al. 2025, "AdaGC: Improving Training Stability for Large Language Model Pretraining",
        arXiv:2502.11034, Algorithm 1. Differs: a unit warms up from its own first gradient on, so that a layer
        unfrozen late does; a norm of zero is not remembered (the mean of a unit whose first gradients are exactly
        zero, as those of LoRA's, would stay there and clip all to zero); norms that are not finite never enter;
        other scopes.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(1))
        >>> clipper = AdaGC(warmup=2)
        >>> for norm in (1.0, 0.5, 8.0):
        ...     weight.grad = torch.tensor([norm])
        ...     result = clipper([weight])
        >>> weight.grad
        tensor([0.5250])
    """

    def __init__(
        self,
        relative: float = 1.05,
        *,
        decay: float = 0.98,
        warmup: int = 100,
        max_norm: float = 1.0,
        scope: Scope = "parameter",
        **common: Any,
    ) -> None:
        if scope == "global":
            raise SettingError(
                "AdaGC clips each unit by itself: scope must be 'parameter', 'module' or 'group'"
            )
        super().__init__(scope=scope, **common)
        for name, value in (("relative", relative), ("max_norm", max_norm)):
            if not 0 < value < inf:
                raise SettingError(f"{name}={value} must be a positive number")
        if not 0 < decay < 1:
            raise SettingError(f"decay={decay} is outside (0, 1)")
        if warmup < 1:
            raise SettingError(f"warmup={warmup} must be 1 or more")
        self.relative = relative
        self.decay = decay
        self.warmup = warmup
        self.max_norm = max_norm
        self._means: dict[str, float] = {}
        self._steps: dict[str, int] = {}
        self._on_device: _DeviceMeans | None = None

    def _thresholds(self, units: Sequence[str], norms: Sequence[float], record: bool) -> list[float]:
        if self._on_device is not None:
            self._recall(self._memory())  # the gradients have moved to host memory
        together = hypot(*norms)
        factor = self.max_norm / together if together > self.max_norm else inf
        return [self._threshold(unit, norm, factor, record) for unit, norm in zip(units, norms, strict=True)]

    def _threshold(self, unit: str, norm: float, factor: float, record: bool) -> float:
        steps, mean = self._steps.get(unit, 0), self._means.get(unit, inf)
        warming = steps < self.warmup
        threshold = (norm * factor if factor < 1 else inf) if warming else self.relative * mean
        if record and norm:
            clipped = min(norm, threshold)
            kept = min(mean, clipped) if warming else self.decay * mean + (1 - self.decay) * clipped
            self._means[unit], self._steps[unit] = kept, steps + 1
        return threshold

    def _thresholds_on_device(self, units: tuple[str, ...], norms: Tensor, record: Tensor) -> Tensor:
        device = self._on_device
        if device is None or not device.knows(units):
            device = self._on_device = _DeviceMeans(self, units, norms)
        return device.observe(units, norms, record)

    def _memory(self) -> dict[str, Any]:
        if self._on_device is not None:
            return self._on_device.memory()
        return {"means": dict(self._means), "steps": dict(self._steps)}

    def _recall(self, memory: Mapping[str, Any]) -> None:
        self._on_device = None
        self._means, self._steps = dict(memory["means"]), dict(memory["steps"])

    def _settings(self) -> dict[str, Any]:
        settings = {name: getattr(self, name) for name in ("relative", "decay", "warmup", "max_norm")}
        return {**settings, **super()._settings()}


class _DeviceMeans:
    """Mean and number of steps of every unit, shape (units,), on the device."""

    def __init__(self, clipper: AdaGC, units: Sequence[str], like: Tensor) -> None:
        self._clipper = clipper
        memory = clipper._memory()
        self._names = list(dict.fromkeys([*memory["means"], *units]))
        self._means = like.new_tensor([memory["means"].get(name, inf) for name in self._names])
        self._steps = like.new_tensor([memory["steps"].get(name, 0) for name in self._names])
        self._rows: dict[tuple[str, ...], Tensor] = {}

    def knows(self, units: tuple[str, ...]) -> bool:
        """Whether every unit has its place."""
        return units in self._rows or set(self._names).issuperset(units)

    def observe(self, units: tuple[str, ...], norms: Tensor, record: Tensor) -> Tensor:
        """Threshold of each unit, shape (U,); where `record`, the norms enter."""
        rows = self._rows.get(units)
        if rows is None:  # a copy to the device, made once for each set of units
            places = [self._names.index(unit) for unit in units]
            rows = self._rows[units] = torch.tensor(places, device=norms.device)
        clipper, means, steps = self._clipper, self._means[rows], self._steps[rows]
        warming = steps < clipper.warmup
        together = torch.linalg.vector_norm(norms)
        first = torch.where(together > clipper.max_norm, norms * (clipper.max_norm / together), torch.inf)
        thresholds = torch.where(warming, first, clipper.relative * means)
        clipped = torch.minimum(norms, thresholds)
        later = clipper.decay * means + (1 - clipper.decay) * clipped
        kept = torch.where(warming, torch.minimum(means, clipped), later)
        entering = record & (norms > 0)
        self._means = self._means.index_copy(0, rows, torch.where(entering, kept, means))
        self._steps = self._steps.index_copy(0, rows, steps + entering)
        return thresholds

    def memory(self) -> dict[str, Any]:
        """What `AdaGC` remembers, in plain numbers."""
        means, steps = self._means.cpu().tolist(), self._steps.cpu().tolist()
        known = [(name, m, int(n)) for name, m, n in zip(self._names, means, steps, strict=True) if n]
        return {"means": {name: m for name, m, _ in known}, "steps": {name: n for name, _, n in known}}
