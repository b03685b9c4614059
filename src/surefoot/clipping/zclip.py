"""ZClip: spikes of the gradient's norm are clipped, by their z-score against running statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isnan, sqrt
from statistics import fmean, median
from typing import Any

import torch
from torch import Tensor

from surefoot.clipping.base import NOT_A_NUMBER
from surefoot.clipping.by_threshold import ThresholdClipper
from surefoot.errors import SettingError

# During warm-up a norm this many times the median so far is a spike; it must not become the statistics.
_WARMUP_SPIKE = 10.0


class ZClip(ThresholdClipper):
    """Clips only spikes: norms whose z-score against a running mean and deviation is high.

    Ordinary steps pass untouched. A spike with z-score z > z_threshold is clipped to
    mean + (z_threshold² / z) deviation: the larger the spike, the closer to the mean.

    Args:
        z_threshold: z-score from which a norm is a spike, > 0.
        decay: α in (0, 1): how much of the running mean and variance stays at each step.
        warmup: Steps, >= 1, whose norms make the first mean and variance.
        max_norm: Fixed upper bound on top, or None.
        common: What every `Clipper` takes.

    Raises:
        SettingError: A setting is outside its range.

    Source: Kumar, Owen, Chowdhury, Güra 2025, "ZClip: Adaptive Spike Mitigation for LLM Pre-Training",
        arXiv:2504.02507: running mean and variance, z-score and reciprocal clipping as there; the clipped
        norm enters the statistics. Differs: no epsilon under the deviation; norms that are not finite never
        enter; during warm-up a norm above 10 times the median so far is clipped to that; no max_norm by
        default.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(1))
        >>> clipper = ZClip(warmup=4)
        >>> for norm in (1.0, 1.2, 0.8, 1.0, 100.0):
        ...     weight.grad = torch.tensor([norm])
        ...     result = clipper([weight])
        >>> result
        ClipResult(norm=100, threshold=1.00126, factor=0.0100126, skipped=False)
    """

    def __init__(
        self,
        z_threshold: float = 2.5,
        *,
        decay: float = 0.97,
        warmup: int = 25,
        max_norm: float | None = None,
        **common: Any,
    ) -> None:
        if common.get("scope", "global") != "global":
            raise SettingError("ZClip has one z-score for all gradients: scope must be 'global'")
        super().__init__(**common)
        if not 0 < z_threshold < inf:
            raise SettingError(f"z_threshold={z_threshold} must be a positive number")
        if not 0 < decay < 1:
            raise SettingError(f"decay={decay} is outside (0, 1)")
        if warmup < 1:
            raise SettingError(f"warmup={warmup} must be 1 or more")
        if max_norm is not None and not 0 < max_norm < inf:
            raise SettingError(f"max_norm={max_norm} must be a positive number, or None")
        self.z_threshold = z_threshold
        self.decay = decay
        self.warmup = warmup
        self.max_norm = max_norm
        self._first: list[float] = []  # the warm-up's norms
        self._mean = NOT_A_NUMBER
        self._variance = NOT_A_NUMBER
        self._on_device: _DeviceStatistics | None = None

    def _thresholds(self, units: Sequence[str], norms: Sequence[float], record: bool) -> Sequence[float]:
        if self._on_device is not None:
            self._recall(self._memory())  # the gradients have moved to host memory
        norm = norms[0]
        threshold = self._limit(norm)
        if record:
            self._record(min(norm, threshold))
        return [threshold if self.max_norm is None else min(threshold, self.max_norm)]

    def _limit(self, norm: float) -> float:
        """What this norm may be at most, by the statistics before it."""
        if isnan(self._mean):
            return _WARMUP_SPIKE * median(self._first) if self._first else inf
        onset = self.z_threshold * sqrt(self._variance)
        excess = norm - self._mean
        # z_threshold² / z deviations above the mean, with z = excess / deviation.
        return self._mean + (onset if excess <= onset else onset * onset / excess)

    def _record(self, norm: float) -> None:
        if isnan(self._mean):
            self._first.append(norm)
            if len(self._first) == self.warmup:
                self._mean = fmean(self._first)
                self._variance = fmean([(value - self._mean) ** 2 for value in self._first])
                self._first = []
            return
        self._mean = self.decay * self._mean + (1 - self.decay) * norm
        self._variance = self.decay * self._variance + (1 - self.decay) * (norm - self._mean) ** 2

    def _threshold_now(self) -> float:
        return self._limit(0.0) if self._on_device is None else NOT_A_NUMBER

    def _thresholds_on_device(self, units: tuple[str, ...], norms: Tensor, record: Tensor) -> Tensor:
        if self._on_device is None:
            self._on_device = _DeviceStatistics(self, norms)
        thresholds = self._on_device.observe(norms.squeeze(0), record).unsqueeze(0)
        return thresholds if self.max_norm is None else thresholds.clamp(max=self.max_norm)

    def _memory(self) -> dict[str, Any]:
        if self._on_device is not None:
            return self._on_device.memory()
        return {"first": list(self._first), "mean": self._mean, "variance": self._variance}

    def _recall(self, memory: Mapping[str, Any]) -> None:
        self._on_device = None
        self._first = list(memory["first"])
        self._mean, self._variance = float(memory["mean"]), float(memory["variance"])

    def _settings(self) -> dict[str, Any]:
        settings = {name: getattr(self, name) for name in ("z_threshold", "decay", "warmup", "max_norm")}
        return {**settings, **super()._settings()}


class _DeviceStatistics:
    """ZClip's statistics as device tensors of shape (), and the warm-up's norms, shape (warmup,)."""

    def __init__(self, clipper: ZClip, like: Tensor) -> None:
        self._clipper = clipper
        memory = clipper._memory()
        warm = clipper.warmup if not isnan(memory["mean"]) else len(memory["first"])
        self._count = like.new_full((), warm, dtype=torch.int64)
        self._first = like.new_full((clipper.warmup,), torch.inf)
        for i, norm in enumerate(memory["first"]):
            self._first[i].fill_(norm)
        self._mean = like.new_full((), memory["mean"])
        self._variance = like.new_full((), memory["variance"])

    def observe(self, norm: Tensor, record: Tensor) -> Tensor:
        """Threshold of this norm, shape (); with `record` it enters the statistics."""
        clipper = self._clipper
        warming = self._count < clipper.warmup
        threshold = torch.where(warming, self._warmup_limit(), self._limit(norm))
        value = torch.minimum(norm, threshold)
        ready = record & ~warming
        decay = clipper.decay
        mean = torch.where(ready, decay * self._mean + (1 - decay) * value, self._mean)
        variance = decay * self._variance + (1 - decay) * (value - mean) ** 2
        variance = torch.where(ready, variance, self._variance)
        slot = self._count.clamp(max=clipper.warmup - 1).unsqueeze(0)
        taken = torch.where(record & warming, value, self._first.gather(0, slot).squeeze(0))
        self._first.scatter_(0, slot, taken.unsqueeze(0))
        self._count += (record & warming).to(torch.int64)
        first_mean = self._first.mean()
        done = warming & (self._count == clipper.warmup)
        self._mean = torch.where(done, first_mean, mean)
        self._variance = torch.where(done, ((self._first - first_mean) ** 2).mean(), variance)
        return threshold

    def memory(self) -> dict[str, Any]:
        count = int(self._count.cpu().numpy())
        first = self._first.cpu().tolist()[:count] if count < self._clipper.warmup else []
        mean, variance = self._mean.cpu().numpy(), self._variance.cpu().numpy()
        return {"first": first, "mean": float(mean), "variance": float(variance)}

    def _limit(self, norm: Tensor) -> Tensor:
        onset = self._clipper.z_threshold * self._variance.sqrt()
        excess = norm - self._mean
        return self._mean + torch.where(excess <= onset, onset, onset * onset / excess)

    def _warmup_limit(self) -> Tensor:
        # In order, the norms so far come first and infinities after them.
        ordered = self._first.sort().values
        last = (self._count - 1).clamp(min=0)
        middle = torch.stack([last // 2, (last + 1) // 2])
        limit = _WARMUP_SPIKE * ordered.gather(0, middle).mean()
        return torch.where(self._count > 0, limit, torch.inf)
