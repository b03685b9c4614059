"""The batches that enter the model: their range, their scale by feature, what is not finite in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.model import normalises_first
from surefoot.facts import BatchInput, Fact
from surefoot.quantities import batches

_MOST = 200  # batches examined in one phase
_MANY = 20  # after these, one look in five


class _Seen:
    def __init__(self) -> None:
        self.looks = 0
        self.summaries: list[list[float]] = []
        self.columns: list[list[float]] = []
        self.fixed: dict[str, Any] = {}


class InputBatchesProbe(Probe):
    """Collects statistics of input batches.

    Args:
        deferred: Where device numbers wait for the next flush.
        metric: Called with (name, step, value).
    """

    name = "input batches"

    def __init__(self, deferred: Deferred, metric: Callable[[str, int, float], None]) -> None:
        self._deferred = deferred
        self._metric = metric
        self._phases = {"train": _Seen(), "validation": _Seen()}
        self._by_model = False

    def batch_entered(self, phase: str, batch: Tensor, module: nn.Module, step: int, inspected: bool) -> None:
        """Examine it, where it is one of the first or the step is inspected."""
        seen = self._phases[phase]
        if not inspected and len(seen.summaries) >= 3:
            return
        self._by_model |= phase == "train"
        seen.fixed.setdefault("normalized_inside", normalises_first(module))
        self._examine(phase, batch, step)

    def graph_inspected(self, backward: Backward) -> None:
        """Where no module was called: the data that the first operations kept."""
        if self._by_model or backward.graph is None:
            return
        for batch in backward.graph.first_inputs():
            self._phases["train"].fixed.setdefault("normalized_inside", False)
            self._examine("train", batch, backward.step)
            return

    def _examine(self, phase: str, batch: Tensor, step: int) -> None:
        seen = self._phases[phase]
        seen.looks += 1
        if seen.looks > _MANY and seen.looks % 5:
            return
        if len(seen.summaries) >= _MOST or batch.numel() == 0 or batch.is_complex() or batch.is_sparse:
            return
        fixed = seen.fixed
        fixed["shape"] = tuple(batch.shape)
        fixed["dtype"] = str(batch.dtype).removeprefix("torch.")
        fixed["integer"] = not batch.is_floating_point()

        def receive(numbers: list[float]) -> None:
            seen.summaries.append(numbers)
            if phase == "train":
                self._metric("input/mean", step, numbers[2])
                self._metric("input/std", step, numbers[3])

        self._deferred.add(batches.summary(batch), receive)
        if batch.ndim >= 2 and batch.is_floating_point() and batch.shape[0] > 1 and batch.shape[1] > 0:
            self._deferred.add(batches.columns(batch), seen.columns.append)

    def facts(self) -> Iterator[Fact]:
        """One fact for each phase that was seen."""
        for phase, seen in self._phases.items():
            if not seen.summaries:
                continue
            rows = torch.tensor(seen.summaries, dtype=torch.float64)
            data: dict[str, Any] = {
                "min": float(rows[:, 0].min()),
                "max": float(rows[:, 1].max()),
                "mean": float(rows[:, 2].mean()),
                "std": float(rows[:, 3].mean()),
                "nonfinite": float(rows[:, 4].mean()),
                "observations": len(rows),
                **seen.fixed,
            }
            data["constant"] = data["min"] == data["max"]
            if seen.columns:
                columns = torch.tensor(seen.columns, dtype=torch.float64)
                data["feature_std_min"] = float(columns[:, 0].min())
                data["feature_std_max"] = float(columns[:, 1].max())
                data["feature_mean_absmax"] = float(columns[:, 2].max())
                data["nonfinite_columns"] = int(columns[:, 3].max())
            yield BatchInput(phase, **data)
