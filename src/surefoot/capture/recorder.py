"""From device tensors to the run's file: rows wait in memory, one host copy and one transaction a flush.

The recorder may fail (disk full, folder read-only, a bug of ours); the training may not. It degrades with one warning.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from surefoot.capture.deferred import Deferred, scalars_to_host, to_host
from surefoot.capture.pending import PendingLayer, PendingStep, clip_tensors, global_norms, placed
from surefoot.capture.unseen import unseen
from surefoot.errors import RunLocked, StoreError
from surefoot.facts import Fact, Recording
from surefoot.records import ActivationInfo, Finding, OptimizerInfo, ParameterInfo, Run, Status
from surefoot.store.batch import Batch, HyperparameterRow, LayerRow, MetricRow, StepRow
from surefoot.store.writer import RunWriter

_Row = TypeVar("_Row")

FLUSH_SECONDS = 0.4
FLUSH_ROWS = 1000
FLUSH_NUMBERS = 1 << 20  # per-parameter norms held back at the most
FACT_SECONDS = 1.0
_MOST_UNWRITTEN = 400  # flushes that may wait for a locked file
_LAST_PATIENCE = 10.0  # seconds that the last one waits


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


class Recorder:
    """Buffers what capture measures and writes it to the run.

    Args:
        runs: Folder of all runs.
        warn: Called with one sentence when recording has to stop.
    """

    def __init__(self, runs: Path, warn: Callable[[str], None]) -> None:
        self.latest = Latest()
        self.deferred = Deferred()
        self.path: Path | None = None
        self.notes: list[str] = []  # faults of the monitor
        self.failed = False
        self.reason: str | None = None  # why recording stopped
        self.collect_facts: Callable[[], Iterable[Fact]] = tuple
        self.collect_parameters: Callable[[], list[ParameterInfo]] = list
        self.collect_optimizers: Callable[[], list[OptimizerInfo]] = list
        self.collect_activations: Callable[[int], list[ActivationInfo]] = lambda since: []
        self.settles: Callable[[], bool] = lambda: True  # whether this thread may change what capture keeps
        self.counts: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self._writer = RunWriter(runs)
        self._warn = warn
        self._owner = os.getpid()
        self._began = time.perf_counter()
        self._flushed_at = self._began
        self._facts_at = self._began
        self._steps: list[PendingStep] = []
        self._numbers = 0
        self._layers: list[PendingLayer] = []
        self._metrics: list[MetricRow] = []
        self._hyperparameters: list[HyperparameterRow] = []
        self._activation_values: dict[tuple[int, str], dict[int, float]] = {}
        self._known_facts: dict[tuple[str, str], Fact] = {}
        self._known_optimizers: dict[int, OptimizerInfo] = {}
        self._activations_written = 0
        self._last_optimizer = -1
        self._last_loss: dict[int, float] = {}
        self._last_findings: list[Finding] | None = None
        self._unwritten: list[Batch] = []
        self._lock = threading.RLock()

    # -- life

    def begin(self, run: Run, name: str | None) -> None:
        """Make the run's folder; a failure leaves the recorder off and says so once."""
        try:
            self.path = self._writer.create(run, name)
            if self._writer.notice:
                self._warn(self._writer.notice)
        except StoreError as error:
            self.fail(str(error))

    def fail(self, reason: str) -> None:
        """Stop recording with one warning; the training goes on."""
        if not self.failed:
            self.failed = True
            self.reason = reason
            self._warn(f"recording has stopped, the training goes on: {reason}")
        self._steps.clear()
        self._layers.clear()
        self._metrics.clear()
        self.deferred = Deferred()

    def finish(self, status: Status, exit_code: int | None, error: str | None) -> None:
        """Write what is left and close the run; where recording has stopped, that it did."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            self.flush(facts=True)
            self._writer.give_back()
            try:
                if self.failed:
                    self._writer.write(Batch(facts=[*self.stopped()], findings=self._last_findings))
                elif self._unwritten:
                    self._write(Batch(), _LAST_PATIENCE)
                self._writer.finish(status, exit_code, error)
            except StoreError as problem:
                self._writer.close()
                self.fail(str(problem))

    def stopped(self) -> Iterator[Fact]:
        """That recording stopped before the training ended, if it did."""
        if self.failed:
            steps, _ = self.counts()
            yield Recording("run", step=steps, stopped=self.reason or "", seen=steps)

    def now(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._began

    # -- rows

    def step(self, row: PendingStep) -> None:
        """Take a step; flushes when it is time."""
        if self.failed:
            return
        self._steps.append(row)
        if row.norms is not None:
            self._numbers += len(row.norms)
        if (
            row.time + self._began - self._flushed_at >= FLUSH_SECONDS
            or len(self._steps) >= FLUSH_ROWS
            or self._numbers >= FLUSH_NUMBERS
        ):
            self.flush()

    def layer(self, row: PendingLayer) -> None:
        """Take a per-parameter quantity."""
        if not self.failed:
            self._layers.append(row)

    def activation(self, index: int, quantity: str, step: int, value: float) -> None:
        """Take a number of one activation."""
        self._activation_values.setdefault((step, quantity), {})[index] = value

    def metric(self, name: str, step: int, value: float) -> None:
        """Take a scalar that is on the host."""
        if not self.failed:
            self._metrics.append(MetricRow(step, name, value, self.now()))
            if name == "val_loss":
                self.latest.val_loss = value

    def hyperparameter(self, step: int, optimizer: int, group: int, name: str, value: Any) -> None:
        """Take a setting that may have changed."""
        self._hyperparameters.append(HyperparameterRow(step, optimizer, group, name, value))

    # -- flushing

    def flush_if_stale(self, seconds: float) -> None:
        """Flush what has waited longer than `seconds`; for the monitor's thread."""
        if self.failed or os.getpid() != self._owner or time.perf_counter() - self._flushed_at < seconds:
            return
        if self._lock.acquire(blocking=False):
            try:
                self.flush()
            finally:
                self._lock.release()

    def flush(self, facts: bool = False) -> None:
        """Copy what waits to the host and write it in one transaction."""
        if self.failed or os.getpid() != self._owner:
            return
        with self._lock:
            self._flushed_at = time.perf_counter()
            try:
                batch = unseen(self._batch, facts)
                self._write(batch)
            except StoreError as error:
                self.fail(str(error))
            except Exception as error:  # a bug of ours must not end a training
                self.fail(f"internal error in the recorder, {type(error).__name__}: {error}")

    def findings(self, findings: Iterable[Finding]) -> None:
        """Keep the latest diagnosis in the run."""
        self._last_findings = list(findings)
        if self.failed or os.getpid() != self._owner:
            return
        with self._lock:
            try:
                self._write(Batch(findings=self._last_findings))
            except StoreError as error:
                self.fail(str(error))

    def update(self, **fields: Any) -> None:
        """Change fields of the run's own row."""
        if self.failed or os.getpid() != self._owner:
            return
        with self._lock:
            try:
                self._write(Batch(run=fields))
            except StoreError as error:
                self.fail(str(error))

    def _write(self, batch: Batch, patience: float = 0.0) -> None:
        """Write, with those before that found the file locked; a lock is waited out, anything else ends recording."""
        waiting = [*self._unwritten, batch]
        while waiting:
            try:
                self._writer.write(waiting[0], patience=patience)
            except RunLocked:
                if len(waiting) > _MOST_UNWRITTEN:
                    raise
                break
            waiting.pop(0)
        self._unwritten = waiting

    def _batch(self, facts: bool) -> Batch:
        steps, layers = _taken(self._steps), _taken(self._layers)
        self._numbers = 0
        self.deferred.deliver()
        step_rows = self._step_rows(steps)
        layer_rows = self._layer_rows(layers)
        metrics, settings = _taken(self._metrics), _taken(self._hyperparameters)
        counted, backwards = self.counts()
        batch = Batch(
            steps=step_rows,
            metrics=metrics,
            layers=layer_rows,
            hyperparameters=settings,
            run={"steps": counted, "backwards": backwards},
        )
        if facts or any(row.optimizer > self._last_optimizer for row in step_rows):
            batch.optimizers = self._changed_optimizers()  # no reader finds a step without its optimizer
        now = time.perf_counter()
        # Facts change under the hands of the training's thread: only that thread collects them.
        on_time = now - self._facts_at >= FACT_SECONDS and self.settles()
        if facts or on_time:
            self._facts_at = now
            batch.facts = self._changed_facts(counted)
            batch.parameters = self.collect_parameters()
            batch.activations = self.collect_activations(self._activations_written)
            self._activations_written += len(batch.activations)
        return batch

    def _step_rows(self, steps: list[PendingStep]) -> list[StepRow]:
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
            row.watch(norm if norm is not None else float("nan"), found_inf >= 1.0)
        if found_inf >= 1.0:  # the fused kernel skipped it: no step was taken
            return None
        known = [loss for loss in losses if loss is not None]
        # Gradients add up, and so do what they are the gradients of.
        loss = sum(known) if known and len(known) == len(losses) else None
        if loss is None:
            shown = self._last_loss.get(row.optimizer)
        else:
            shown = self._last_loss[row.optimizer] = loss
        latest = self.latest
        latest.step, latest.loss, latest.grad_norm, latest.lr = row.step, shown, norm, lr
        if factor is not None:
            latest.clippable += 1
            latest.clipped += factor < 1.0
        return StepRow(row.step, row.optimizer, row.time, len(losses), loss, norm, lr, threshold, factor)

    def _layer_rows(self, layers: list[PendingLayer]) -> list[LayerRow]:
        rows: list[LayerRow] = []
        for row, numbers in zip(layers, to_host([row.values for row in layers]), strict=True):
            values = np.asarray(numbers, dtype=np.float32)
            if row.factors is not None:
                values = values * np.asarray(row.factors, dtype=np.float32)
            rows.append(
                LayerRow(row.step, row.optimizer, "parameter", row.quantity, placed(row.columns, values))
            )
        waiting, self._activation_values = self._activation_values, {}
        for (step, quantity), entries in waiting.items():
            values = np.asarray(list(entries.values()), dtype=np.float32)
            rows.append(LayerRow(step, 0, "activation", quantity, placed(list(entries), values)))
        return rows

    def _changed_facts(self, step: int) -> list[Fact]:
        changed = []
        for fact in self.collect_facts():
            key = (fact.kind, fact.subject)
            if self._known_facts.get(key) != fact:
                self._known_facts[key] = fact
                changed.append(replace(fact, step=step))
        return changed

    def _changed_optimizers(self) -> list[OptimizerInfo]:
        self._last_optimizer = max((info.index for info in self.collect_optimizers()), default=-1)
        changed = [
            info for info in self.collect_optimizers() if self._known_optimizers.get(info.index) != info
        ]
        self._known_optimizers.update((info.index, info) for info in changed)
        return changed


def _taken(rows: list[_Row]) -> list[_Row]:
    """Take all rows out of a list that another thread may be adding to."""
    taken = rows[:]
    del rows[: len(taken)]
    return taken


def warn_on_stderr(sentence: str) -> None:
    """Say a sentence on stderr, in surefoot's name."""
    try:
        print(f"surefoot: {sentence}", file=sys.stderr, flush=True)
    except (OSError, ValueError):  # stderr closed: nobody to tell
        pass
