"""A run as a data frame of pandas or polars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from surefoot.diagnosis import HasHistory, whole_history_of
from surefoot.errors import SettingError
from surefoot.export.table import Table, table_of
from surefoot.extras import needed_for
from surefoot.records import History

LIBRARIES = ("pandas", "polars")


def frame(
    run: str | Path | History | HasHistory, library: str = "pandas", *, runs: str | Path = "surefoot-runs"
) -> Any:
    """All that a run recorded of each step, and all metrics, as a data frame.

    Args:
        run: A recorded run (its folder, its name, the beginning of its name, or "last"), the observation that `watch`
            returned, or a history.
        library: "pandas" or "polars".
        runs: Folder in which names are looked up.

    Returns:
        A frame with the columns `step`, `optimizer` (-1: metrics alone), the step series (`loss`, `grad_norm`, `lr` …)
        and the metrics; a metric that is called like a step series is `logged/loss`. Where nothing was recorded
        pandas has NaN, polars null.

    Raises:
        MissingExtra: The library is not installed.
        RunNotFound: No run of that name or path.
        SettingError: Another library is asked for.
        StoreError: The run cannot be read.

    Example:
        >>> from surefoot.records import OptimizerInfo, Run, Series
        >>> loss = {("loss", 0): Series.of([2.0, 1.0])}
        >>> history = History(Run("", "a", "a.py"), (OptimizerInfo(0, "SGD", {}, ()),), step_series=loss)
        >>> frame(history)["loss"].tolist()
        [2.0, 1.0]
    """
    if library not in LIBRARIES:
        raise SettingError(f"frame(library={library!r}) is not known: give 'pandas' or 'polars'.")
    history = whole_history_of(run, runs)
    with needed_for("data frames"):
        return (_pandas if library == "pandas" else _polars)(table_of(history))


def _pandas(table: Table) -> Any:
    import pandas

    columns = {column.name: column.values for column in table.columns}
    return pandas.DataFrame({"step": table.steps, "optimizer": table.optimizers, **columns})


def _polars(table: Table) -> Any:
    import polars

    columns = [
        polars.Series(
            column.name, [float(v) if known else None for v, known in _cells(column)], polars.Float64
        )
        for column in table.columns
    ]
    ends = [polars.Series("step", table.steps), polars.Series("optimizer", table.optimizers)]
    return polars.DataFrame([*ends, *columns])


def _cells(column: Any) -> Any:
    return zip(column.values, column.recorded, strict=True)
