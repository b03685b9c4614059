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
from typing import Any

from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.pending import PendingLayer, PendingStep
from surefoot.capture.rows import Latest, PendingMetric, Rows, Waiting
from surefoot.capture.unseen import unseen
from surefoot.errors import RunLocked, StoreError
from surefoot.facts import Fact, Recording
from surefoot.interrupts import pass_on
from surefoot.records import ActivationInfo, Finding, OptimizerInfo, ParameterInfo, Run, Status
from surefoot.store.batch import Batch, HyperparameterRow
from surefoot.store.writer import RunWriter

FLUSH_SECONDS = 0.4
FLUSH_ROWS = 1000
FLUSH_NUMBERS = 1 << 20  # per-parameter norms held back at the most
FACT_SECONDS = 1.0
_MOST_UNWRITTEN = 400  # flushes that may wait for a locked file
_LAST_PATIENCE = 10.0  # seconds that the last one waits
_FEWEST_BACKWARDS = 2  # without a step: one alone may be a test of a layer
Late = Callable[[], tuple[Path, Run, str]]


class Source:
    """What a recorder asks about the training at a flush; nobody's, as it stands here."""

    def counted(self) -> tuple[int, int]:
        """Steps and backwards so far."""
        return 0, 0

    def settles(self) -> bool:
        """Whether the thread that asks may change what capture keeps."""
        return True

    def facts(self) -> Iterable[Fact]:
        """Everything structural, as it stands."""
        return ()

    def changed_parameters(self) -> list[ParameterInfo]:
        """Parameters that are new or other than when they were last asked for."""
        return []

    def parameters_again(self) -> None:
        """What was given last may not have arrived: all are asked for anew."""

    def stepping_optimizers(self) -> list[OptimizerInfo]:
        """Those that have stepped."""
        return []

    def activations_since(self, count: int) -> list[ActivationInfo]:
        """Nonlinearities met after the first so many."""
        return []


class Recorder:
    """Buffers what capture measures and writes it to the run.

    Args:
        runs: Folder of all runs.
        warn: Called with one sentence when recording has to stop.
    """

    def __init__(self, runs: Path, warn: Callable[[str], None]) -> None:
        self.latest = Latest()
        self.deferred = Deferred()
        self.on_failed: Callable[[], None] = lambda: None
        self.path: Path | None = None
        self.notes: list[str] = []  # faults of the monitor
        self.failed = False
        self.reason: str | None = None  # why recording stopped
        self.source = Source()
        self._writer = RunWriter(runs)
        self._late: Late | None = None  # the run is made when something has trained
        self.warn = warn
        self._owner = os.getpid()
        self.began = time.perf_counter()
        self._flushed_at = self.began
        self._facts_at = self.began
        self._waiting = Waiting()
        self._taken = Waiting()  # by a flush that is under way, or was interrupted
        self._rows = Rows(self.deferred, self.latest)
        self._numbers = 0
        self._known_facts: dict[tuple[str, str], Fact] = {}
        self._known_optimizers: dict[int, OptimizerInfo] = {}
        self._activations_written = 0
        self._last_optimizer = -1
        self._last_findings: list[Finding] | None = None
        self._unwritten: list[Batch] = []
        self._lock = threading.RLock()
        self._inside = 0  # the thread that is writing
        self._later: list[Callable[[], None]] = []
        self._facts_wanted = False
        self._finished = False

    # -- life

    def begin(self, run: Run, name: str | None) -> None:
        """Make the run's folder; a failure leaves the recorder off and says so once."""
        try:
            self.path = self._writer.create(run, name)
            if self._writer.notice:
                self.warn(self._writer.notice)
        except StoreError as error:
            pass_on(error)
            self.fail(str(error))

    def begin_late(self, late: Late) -> None:
        """Make the run's folder at the first flush after the first step.

        Args:
            late: Gives the folder of all runs, the run and its name then.
        """
        self._late = late

    def _made(self) -> bool:
        """Whether there is a run, made now if it is time."""
        late = self._late
        if late is None:
            return True
        steps, backwards = self.source.counted()
        if not steps and backwards < _FEWEST_BACKWARDS:
            return False
        self._late = None
        runs, run, name = late()
        self._writer = RunWriter(runs)
        self.begin(run, name)
        return not self.failed

    def fail(self, reason: str) -> None:
        """Stop recording with one warning; the training goes on."""
        if not self.failed:
            self.failed = True
            self.reason = reason
            self.warn(f"recording has stopped, the training goes on: {reason}")
            self.deferred.close()
            self._waiting.clear()
            self._taken.clear()
            self._unwritten.clear()
            self.on_failed()

    def finish(self, status: Status, exit_code: int | None, error: str | None) -> None:
        """Write what is left and close the run; where recording has stopped, that it did."""
        if os.getpid() == self._owner:
            self._alone(lambda: self._finish(status, exit_code, error))

    def _finish(self, status: Status, exit_code: int | None, error: str | None) -> None:
        if self._late is not None and not self._made():
            self._finished = True
            return
        if not self.failed:
            self._safely(lambda: self._flush(facts=True))
        self._writer.give_back()
        try:
            if self.failed:
                self._writer.write(Batch(facts=[*self.stopped()], findings=self._last_findings))
            elif self._unwritten:
                self._write(None, _LAST_PATIENCE)
            self._writer.finish(status, exit_code, error)
        except StoreError as problem:
            pass_on(problem)
            self._writer.close()
            raise
        finally:
            self._finished = True

    def stopped(self) -> Iterator[Fact]:
        """That recording stopped before the training ended, if it did."""
        if self.failed:
            steps, _ = self.source.counted()
            yield Recording("run", step=steps, stopped=self.reason or "", seen=steps)

    def now(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.began

    # -- rows

    def step(self, row: PendingStep) -> None:
        """Take a step; flushes when it is time."""
        if self.failed:
            return
        if self.deferred.arrivals:
            self.deferred.hand_over()
        self._waiting.steps.append(row)
        if row.norms is not None:
            self._numbers += len(row.norms)
        if (
            row.time >= self._flushed_at + FLUSH_SECONDS - self.began
            or len(self._waiting.steps) >= FLUSH_ROWS
            or self._numbers >= FLUSH_NUMBERS
        ):
            self.flush()

    def layer(self, row: PendingLayer) -> None:
        """Take a per-parameter quantity."""
        if not self.failed:
            self._waiting.layers.append(row)

    def activation(self, index: int, quantity: str, step: int, value: float) -> None:
        """Take a number of one activation."""
        if not self.failed:
            self._waiting.activations.setdefault((step, quantity), {})[index] = value

    def metric(self, name: str, step: int, value: float | Tensor) -> None:
        """Take a scalar, on the host or of shape ()."""
        if not self.failed:
            self._waiting.metrics.append(PendingMetric(step, name, value, self.now()))

    def hyperparameter(self, step: int, optimizer: int, group: int, name: str, value: Any) -> None:
        """Take a setting that may have changed."""
        if not self.failed:
            self._waiting.hyperparameters.append(HyperparameterRow(step, optimizer, group, name, value))

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
        if self._inside == threading.get_ident():  # asked by a signal handler: what waits is taken next time
            self._facts_wanted |= facts
            return
        self._writes(lambda: self._flush(facts))

    def findings(self, findings: Iterable[Finding]) -> None:
        """Keep the latest diagnosis in the run."""
        self._last_findings = kept = list(findings)
        self._writes(lambda: self._write(Batch(findings=kept)))

    def update(self, **fields: Any) -> None:
        """Change fields of the run's own row."""
        self._writes(lambda: self._write(Batch(run=fields)))

    def _writes(self, action: Callable[[], None]) -> None:
        if not self.failed and not self._finished and os.getpid() == self._owner:
            self._alone(lambda: action() if self._late is None or self._made() else None)

    def _alone(self, action: Callable[[], None]) -> None:
        """Act with the file to oneself; a signal handler that asks in the midst of it is served after it."""
        if self._inside == threading.get_ident():
            self._later.append(action)
            return
        with self._lock:
            try:
                self._inside = threading.get_ident()
                self._safely(action)
            finally:
                self._inside = 0
                if self._later:
                    self._later, later = [], self._later
                    for each in later:
                        self._alone(each)

    def _safely(self, action: Callable[[], None]) -> None:
        """A fault costs the recording, never the training; what came from outside reaches the script."""
        try:
            action()
        except StoreError as error:
            self._came_from_outside(error)
            if not self._finished:  # a signal handler may close the run under a step that is being noted
                self.fail(str(error))
        except Exception as error:
            self._came_from_outside(error)
            self.fail(f"internal error in the recorder, {type(error).__name__}: {error}")
        except BaseException:
            self._send_again()
            raise

    def _came_from_outside(self, error: Exception) -> None:
        try:
            pass_on(error)
        except BaseException:
            self._send_again()
            raise

    def _send_again(self) -> None:
        """A flush was interrupted: what it had taken is still there, what it had noted as sent may not have been."""
        self._known_facts.clear()
        self._known_optimizers.clear()
        self._activations_written = 0
        self.source.parameters_again()

    def _flush(self, facts: bool) -> None:
        self._flushed_at = time.perf_counter()
        self._unwritten.append(unseen(self._batch, facts))
        self._taken.clear()
        self._write()

    def _write(self, batch: Batch | None = None, patience: float = 0.0) -> None:
        """Write, with those before that found the file locked; a lock is waited out, anything else ends recording."""
        waiting = self._unwritten
        if batch is not None:
            waiting.append(batch)
        while waiting:
            try:
                self._writer.write(waiting[0], patience=patience)
            except RunLocked:
                if len(waiting) > _MOST_UNWRITTEN:
                    raise
                break
            del waiting[0]

    def _batch(self, facts: bool) -> Batch:
        taken = self._taken
        settles = self.source.settles()
        self.deferred.collect()
        if settles:
            self.deferred.hand_over()  # what they tell belongs to these rows: there may be no next flush
        self._waiting.moved_to(taken)
        self._numbers = 0
        counted, backwards = self.source.counted()
        batch = Batch(
            steps=self._rows.step_rows(taken.steps),
            metrics=self._rows.metrics(taken.metrics),
            layers=self._rows.layer_rows(taken.layers, taken.activations),
            hyperparameters=[*taken.hyperparameters],
            run={"steps": counted, "backwards": backwards},
        )
        if settles:
            self.deferred.hand_over()  # what the rows themselves told
        wanted = facts or self._facts_wanted
        if wanted or any(row.optimizer > self._last_optimizer for row in batch.steps):
            batch.optimizers = self._changed_optimizers()  # no reader finds a step without its optimizer
        self._facts_wanted = wanted and not settles
        now = time.perf_counter()
        # Facts change under the hands of the training's thread: only that thread collects them.
        if settles and (wanted or now - self._facts_at >= FACT_SECONDS):
            self._facts_at = now
            batch.facts = self._changed_facts(counted)
            batch.parameters = self.source.changed_parameters()
            batch.activations = self.source.activations_since(self._activations_written)
            self._activations_written += len(batch.activations)
        return batch

    def _changed_facts(self, step: int) -> list[Fact]:
        changed = []
        for fact in self.source.facts():
            key = (fact.kind, fact.subject)
            if self._known_facts.get(key) != fact:
                self._known_facts[key] = fact
                changed.append(replace(fact, step=step))
        return changed

    def _changed_optimizers(self) -> list[OptimizerInfo]:
        self._last_optimizer = max((info.index for info in self.source.stepping_optimizers()), default=-1)
        changed = [
            info
            for info in self.source.stepping_optimizers()
            if self._known_optimizers.get(info.index) != info
        ]
        self._known_optimizers.update((info.index, info) for info in changed)
        return changed


def warn_on_stderr(sentence: str) -> None:
    """Say a sentence on stderr, in surefoot's name."""
    try:
        print(f"surefoot: {sentence}", file=sys.stderr, flush=True)
    except (OSError, ValueError) as error:
        pass_on(error)  # else stderr is closed: nobody to tell
