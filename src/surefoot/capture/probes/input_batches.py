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
_MOST_MODULES = 16  # that are evaluated before any is trained
_NO_MODULE = 0  # data that no module was called with


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
        self._modules: dict[
            int, dict[str, _Seen]
        ] = {}  # by phase, of the outermost modules met before `_first`
        self._first: int | None = (
            None  # the module that data entered first: the others are not held against it
        )

    def batch_entered(self, phase: str, batch: Tensor, module: nn.Module, step: int, inspected: bool) -> None:
        """Examine it, where it is data and one of the first or the step is inspected."""
        if phase == "train" and batch.grad_fn is not None:
            return  # what another part of the model has made of its data
        seen = self._seen(id(module), phase)
        if seen is None or (not inspected and seen.looks >= 3):
            return
        seen.fixed.setdefault("normalized_inside", normalises_first(module))
        self._examine(seen, phase, batch, step)

    def _seen(self, module: int, phase: str) -> _Seen | None:
        """What is kept of a module's inputs; None where another one is the first."""
        if phase == "train" and (self._first is None or (self._first == _NO_MODULE != module)):
            self._first = module
            self._modules = {module: self._modules.get(module, {})}
        if self._first not in (None, module) or (self._first is None and len(self._modules) >= _MOST_MODULES):
            return None
        return self._modules.setdefault(module, {}).setdefault(phase, _Seen())

    def graph_inspected(self, backward: Backward) -> None:
        """Where no module was called: the data that the first operations kept."""
        seen = self._seen(_NO_MODULE, "train") if backward.graph is not None else None
        if seen is None or backward.graph is None:
            return
        for batch in backward.graph.first_inputs():
            seen.fixed.setdefault("normalized_inside", False)
            self._examine(seen, "train", batch, backward.step)
            return

    def _examine(self, seen: _Seen, phase: str, batch: Tensor, step: int) -> None:
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
        for phase, seen in self._modules.get(self._first or _NO_MODULE, {}).items():
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
