"""A run as one wide table: a row for each step, a column for each series and metric."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.records import STEP_SERIES, History, Series


@dataclass(frozen=True, slots=True)
class Column:
    """One series along the rows of a table.

    Args:
        name: Of the series or metric.
        values: Shape (rows,), float64.
        recorded: Shape (rows,), bool: where something was recorded; NaN there is a value like any other.
    """

    name: str
    values: NDArray[np.float64]
    recorded: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns along the steps.

    Args:
        steps: Shape (rows,), int64, increasing, each once.
        optimizers: Shape (rows,), int64: which optimizer stepped; -1 where there are metrics alone.
        columns: Step series first, metrics after them.
    """

    steps: NDArray[np.int64]
    optimizers: NDArray[np.int64]
    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.steps)


def table_of(history: History) -> Table:
    """All series and metrics along the steps of all optimizers; of a metric that was logged twice at a step, the last.

    Example:
        >>> from surefoot.records import OptimizerInfo, Run
        >>> loss = {("loss", 0): Series.of([2.0, 1.0]), ("time", 0): Series.of([0.1, 0.2])}
        >>> run = Run(path="", name="a", script="a.py")
        >>> table = table_of(History(run, (OptimizerInfo(0, "SGD", {}, ()),), step_series=loss))
        >>> table.steps.tolist(), [column.name for column in table.columns]
        ([1, 2], ['loss', 'time'])
    """
    numbers = [info.index for info in history.optimizers]
    series = {name: [history.series(name, number) for number in numbers] for name in STEP_SERIES}
    metrics = dict(metrics_of(history))
    parts = [each.steps for own in series.values() for each in own]
    parts += [each.steps for each in metrics.values()]
    steps = np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)
    optimizers = np.full(len(steps), -1, dtype=np.int64)
    for number in numbers:
        optimizers[np.searchsorted(steps, history.series("time", number).steps)] = number
    columns = [_column(name, steps, own) for name, own in series.items() if any(map(len, own))]
    columns += [_column(name, steps, [each]) for name, each in metrics.items()]
    return Table(steps, optimizers, tuple(columns))


def metrics_of(history: History) -> Iterator[tuple[str, Series]]:
    """Metrics by a name that no step series has: what was logged as "loss" is "logged/loss"."""
    for name, series in history.metrics.items():
        yield (f"logged/{name}" if name in (*STEP_SERIES, "step", "optimizer") else name), series


def curves(history: History) -> Iterator[tuple[str, Series]]:
    """Every series by a name of its own, as trackers keep them; several optimizers are told apart by it."""
    for name in STEP_SERIES:
        for info in history.optimizers:
            series = history.series(name, info.index)
            if name != "time" and len(series):
                yield (f"{name}/{info.subject}" if len(history.optimizers) > 1 else name), series
    yield from metrics_of(history)


def moments(history: History, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Seconds since the epoch at which these steps were, as far as the run's clock tells."""
    known = [history.series("time", info.index) for info in history.optimizers]
    at = np.concatenate([each.steps for each in known]) if known else np.empty(0, dtype=np.int64)
    if not len(at):
        return np.full(len(steps), history.run.started)
    order = np.argsort(at)
    since: NDArray[np.float64] = np.interp(
        steps, at[order], np.concatenate([each.values for each in known])[order]
    )
    return history.run.started + since


def _column(name: str, steps: NDArray[np.int64], series: list[Series]) -> Column:
    values, recorded = np.full(len(steps), np.nan), np.zeros(len(steps), dtype=np.bool_)
    for each in series:
        at = np.searchsorted(steps, each.steps)
        values[at] = each.values
        recorded[at] = True
    return Column(name, values, recorded)
