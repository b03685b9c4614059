"""What waits for a flush, and how it becomes rows of numbers; any thread may do that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from torch import Tensor

from surefoot.capture.deferred import Deferred, scalars_to_host, to_host
from surefoot.capture.pending import PendingLayer, PendingStep, clip_tensors, global_norms, placed
from surefoot.store.batch import HyperparameterRow, LayerRow, MetricRow, StepRow

Activations = dict[tuple[int, str], dict[int, float]]  # (step, quantity) -> value of each activation
_Row = TypeVar("_Row")


class Latest:
    """The last numbers that reached the host, for the progress line."""

    def __init__(self) -> None:
        self.step = 0
        self.loss: float | None = None
        self.val_loss: float | None = None
        self.grad_norm: float | None = None
        self.lr: float | None = None
        self.clipped = 0
        self.clippable = 0

    @property
    def clip_rate(self) -> float | None:
        """Share of steps that were clipped; None without a clipper."""
        return self.clipped / self.clippable if self.clippable else None


class PendingMetric(NamedTuple):
    """A scalar that a program has logged, where it lies."""

    step: int
    name: str
    value: float | Tensor
    time: float


class Waiting:
    """The rows that wait for a flush."""

    def __init__(self) -> None:
        self.steps: list[PendingStep] = []
        self.layers: list[PendingLayer] = []
        self.metrics: list[PendingMetric] = []
        self.hyperparameters: list[HyperparameterRow] = []
        self.activations: Activations = {}

    def clear(self) -> None:
        """Let everything go."""
        self.__init__()  # type: ignore[misc]

    def moved_to(self, other: Waiting) -> None:
        """Move all rows to the end of another's; another thread may be adding to these."""
        for name in ("steps", "layers", "metrics", "hyperparameters"):
            rows, into = getattr(self, name), getattr(other, name)
            taken = rows[:]
            count = len(taken)
            into[len(into) :], rows[:count] = taken, ()  # in one: no interruption comes in between
        for key in list(self.activations):
            other.activations.setdefault(key, {}).update(self.activations.pop(key))


class Rows:
    """Makes rows of numbers.

    Args:
        deferred: Takes what is to be told to the training's own thread.
        latest: Keeps the last numbers.
    """

    def __init__(self, deferred: Deferred, latest: Latest) -> None:
        self._deferred = deferred
        self._latest = latest
        self._last_loss: dict[int, float] = {}

    def metrics(self, metrics: list[PendingMetric]) -> list[MetricRow]:
        """Scalars in numbers."""
        numbers = iter(scalars_to_host([row.value for row in metrics if isinstance(row.value, Tensor)]))
        rows = []
        for step, name, value, time in metrics:
            number = next(numbers) if isinstance(value, Tensor) else value
            rows.append(MetricRow(step, name, number, time))
            if name == "val_loss":
                self._latest.val_loss = number
        return rows

    def step_rows(self, steps: list[PendingStep]) -> list[StepRow]:
        """Steps in numbers; those that a GradScaler skipped are none."""
        if not steps:
            return []
        losses = iter(
            scalars_to_host([loss for row in steps for loss in row.losses if isinstance(loss, Tensor)])
        )
        norms = global_norms(steps)
        rest = [
            tensor.reshape(())
            for row in steps
            for tensor in (*clip_tensors(row.clip), row.found_inf, row.scale, row.lr)
            if isinstance(tensor, Tensor)
        ]
        others = iter(scalars_to_host(rest))
        rows = []
        for row, norm in zip(steps, norms, strict=True):
            own = [next(losses) if isinstance(loss, Tensor) else loss for loss in row.losses]
            made = self._step_row(row, own, norm, others)
            if made is not None:
                rows.append(made)
        return rows

    def _step_row(
        self, row: PendingStep, losses: list[float | None], norm: float | None, others: Iterator[float]
    ) -> StepRow | None:
        threshold = factor = None
        if row.clip is not None:
            clip_norm, threshold, factor = row.clip.host or tuple(next(others) for _ in range(3))
            norm = clip_norm if norm is None else norm
        found_inf = next(others) if row.found_inf is not None else 0.0
        scale = next(others) if row.scale is not None else 1.0
        lr = next(others) if isinstance(row.lr, Tensor) else row.lr
        if norm is not None and scale != 1.0:
            norm /= scale
        if row.watch is not None:
            told = norm if norm is not None else float("nan")
            self._deferred.arrived(partial(_tell, row.watch, found_inf >= 1.0), [told])
        if found_inf >= 1.0:  # the fused kernel skipped it: no step was taken
            return None
        known = [loss for loss in losses if loss is not None]
        # Gradients add up, and so do what they are the gradients of.
        loss = sum(known) if known and len(known) == len(losses) else None
        if loss is None:
            shown = self._last_loss.get(row.optimizer)
        else:
            shown = self._last_loss[row.optimizer] = loss
        latest = self._latest
        latest.step, latest.loss, latest.grad_norm, latest.lr = row.step, shown, norm, lr
        if factor is not None:
            latest.clippable += 1
            latest.clipped += factor < 1.0
        return StepRow(row.step, row.optimizer, row.time, len(losses), loss, norm, lr, threshold, factor)

    def layer_rows(self, layers: list[PendingLayer], activations: Activations) -> list[LayerRow]:
        """Per-parameter and per-activation quantities in numbers."""
        rows: list[LayerRow] = []
        for row, numbers in zip(layers, to_host([row.values for row in layers]), strict=True):
            values = np.asarray(numbers, dtype=np.float32)
            if row.factors is not None:
                values = values * np.asarray(row.factors, dtype=np.float32)
            rows.append(
                LayerRow(row.step, row.optimizer, "parameter", row.quantity, placed(row.columns, values))
            )
        for (step, quantity), entries in list(activations.items()):
            values = np.asarray(list(entries.values()), dtype=np.float32)
            rows.append(LayerRow(step, 0, "activation", quantity, placed(list(entries), values)))
        return rows


def _tell(watch: Callable[[float, bool], None], skipped: bool, numbers: list[float]) -> None:
    watch(numbers[0], skipped)
