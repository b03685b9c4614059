"""Reading a run: while it is written, after it ended, after it was killed."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, get_args

import numpy as np

from surefoot.errors import StoreError
from surefoot.facts import Fact
from surefoot.records import (
    STEP_SERIES,
    ActivationInfo,
    Finding,
    History,
    Layers,
    OptimizerInfo,
    ParameterInfo,
    Run,
    Series,
    Status,
)
from surefoot.store import cells, codec, effort, follow, structure
from surefoot.store.batch import Family, HyperparameterRow
from surefoot.store.buckets import thin
from surefoot.store.columns import metric_names, metric_series, step_count, step_series
from surefoot.store.connection import FILE_NAME, plain_errors, readable
from surefoot.store.groups import runs_in
from surefoot.store.joining import joined
from surefoot.store.layers import layer_columns, layer_names, read_layers
from surefoot.store.migrations import newest, up_to_date, version_of
from surefoot.store.process import is_gone

STALE = 30.0  # seconds without a heartbeat after which a process that cannot be asked counts as gone
FULL_POINTS = 100_000
FULL_LAYER_ENTRIES = 4_000_000  # 32 MB a quantity

_Item = TypeVar("_Item")


def open_run(path: Path | str) -> RunReader:
    """Open a run for reading; use it in a `with` statement or close it.

    Args:
        path: Folder of a run, or the run.db in it.

    Raises:
        NewerSchema: A newer surefoot wrote it.
        StoreError: It is missing, not a run, damaged, locked or not permitted.

    Effects: a run of an older schema is brought up to date, in place where that is possible, else in memory.
    """
    return RunReader(Path(path))


class RunReader:
    """Reads one run, never waiting for its writer. Not for two threads at once.

    Args:
        path: Folder of a run, or the run.db in it.
    """

    def __init__(self, path: Path) -> None:
        path = path.absolute()
        self.path = path.parent if path.name == FILE_NAME and not os.path.isdir(path) else path
        self._others = runs_in(self.path)
        own = self.path / FILE_NAME
        self._file = own if own.exists() or not self._others else self._others[0] / FILE_NAME
        self._resources = ExitStack()
        try:
            connection = self._resources.enter_context(readable(self._file))
            with plain_errors(self._file, "read"):
                structure.distrust(connection)
                if version_of(connection, self._file) < newest():
                    structure.check_plain(connection)
                    in_use = _status(connection) == "running"
                    connection = self._resources.enter_context(up_to_date(connection, self._file, in_use))
                with effort.bounded(connection):
                    structure.check_plain(connection)
                    structure.check_tables(connection)
            self._connection = connection
        except BaseException:
            self._resources.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    def __enter__(self) -> RunReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self) -> Run:
        """The run as it is now; "crashed" if it was never closed and its process is gone."""
        with self._snapshot() as connection:
            return self._run(connection)

    def optimizers(self) -> tuple[OptimizerInfo, ...]:
        """All optimizers, in order of first sight."""
        columns = "number, name, settings, parameters, created, stepped"
        return self._all(codec.optimizer_of, f"SELECT {columns} FROM optimizer ORDER BY number")

    def parameters(self) -> tuple[ParameterInfo, ...]:
        """All parameters: the columns of the parameter layers."""
        return self._all(codec.parameter_of, "SELECT * FROM parameter ORDER BY number")

    def activations(self) -> tuple[ActivationInfo, ...]:
        """All activations: the columns of the activation layers."""
        return self._all(codec.activation_of, "SELECT * FROM activation ORDER BY number")

    def facts(self) -> tuple[Fact, ...]:
        """All facts, in order of first sight."""
        return self._all(codec.fact_of, "SELECT kind, subject, step, data FROM fact ORDER BY id")

    def hyperparameters(self) -> tuple[HyperparameterRow, ...]:
        """Changes of settings, in the order of recording."""
        columns = "step, optimizer, group_number, name, value"
        return self._all(codec.setting_of, f"SELECT {columns} FROM hyperparameter ORDER BY id")

    def findings(self) -> tuple[Finding, ...]:
        """The diagnosis made last while it was recorded, the main finding first."""
        with self._snapshot() as connection:
            return follow.read_findings(connection)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of all metrics, in order of first sight."""
        with self._snapshot() as connection:
            return metric_names(connection)

    def series(
        self,
        name: str,
        optimizer: int | None = None,
        points: int | None = 2000,
        between: tuple[int, int] | None = None,
    ) -> Series:
        """A step series.

        Args:
            name: One of STEP_SERIES.
            optimizer: Which; by default the one with the most steps.
            points: Upper bound, at least 7; a longer series keeps each bucket's least and greatest value, NaN
                and infinities. None: every step.
            between: First and last step wanted.

        Returns:
            The series; empty if never recorded. Steps at which it was not recorded are left out.
        """
        with self._snapshot() as connection:
            effort.check_blocks(connection)
            index = self._main(connection) if optimizer is None else optimizer
            found = step_series(connection, index, [name]).get(name, Series.of([]))
        return _fitted(found, points, between)

    def metric(self, name: str, points: int | None = 2000, between: tuple[int, int] | None = None) -> Series:
        """A metric in the order of its steps, with `points` and `between` as in `series`."""
        with self._snapshot() as connection:
            effort.check_blocks(connection)
            found = metric_series(connection, name)
        return _fitted(found, points, between)

    def layers(self, family: Family, quantity: str, rows: int = 2000) -> Layers:
        """One quantity of all parameters or activations.

        Args:
            family: Which.
            quantity: Name of PARAMETER_QUANTITIES or ACTIVATION_QUANTITIES.
            rows: Upper bound; beyond it, a bucket keeps each column's least and greatest value in two rows.
        """
        with self._snapshot() as connection:
            effort.check_layers(connection)
            return read_layers(connection, family, quantity, layer_columns(connection, family), rows)

    def history(
        self,
        points: int | None = FULL_POINTS,
        names: Collection[str] = STEP_SERIES,
        between: tuple[int, int] | None = None,
        layered: bool = True,
        alone: bool = False,
    ) -> History:
        """All that rules look at, of one moment; or a part of it, for who only shows that.

        Args:
            points: Series are complete up to this length, and thinned to it beyond, as by `series`. Layers
                are complete up to 4,000,000 entries a quantity, and thinned beyond. None: everything.
            names: Step series wanted.
            between: First and last step wanted, of the series.
            layered: Whether layers are read.
            alone: Only what this process recorded; else what the others of the training did stands beside it.
        """
        wanted = points, names, between, layered
        if alone or not self._others:
            return self._own_history(*wanted)
        own = self._own_history(*wanted) if self._file.parent == self.path else None
        return joined(str(self.path), own, dict(_histories(self._others, *wanted)))

    @property
    def of_several(self) -> bool:
        """Whether there are runs of several processes in the folder."""
        return bool(self._others)

    def _own_history(
        self,
        points: int | None,
        names: Collection[str],
        between: tuple[int, int] | None,
        layered: bool,
    ) -> History:
        with self._snapshot() as connection:
            effort.check_blocks(connection)
            effort.check_layers(connection)
            optimizers = self.optimizers()
            steps = {
                (name, info.index): _fitted(found, points, between)
                for info in optimizers
                for name, found in step_series(connection, info.index, tuple(names)).items()
            }
            metrics = {
                name: _fitted(metric_series(connection, name), points, between)
                for name in metric_names(connection)
            }
            layers: dict[str, dict[str, Layers]] = {"parameter": {}, "activation": {}}
            for family, quantity in layer_names(connection) if layered else ():
                columns = layer_columns(connection, family)
                rows = 2**62 if points is None else max(200, FULL_LAYER_ENTRIES // max(1, columns))
                layers[family][quantity] = read_layers(connection, family, quantity, columns, rows)
            return History(
                run=self._run(connection),
                optimizers=optimizers,
                parameters=self.parameters(),
                activations=self.activations(),
                step_series=steps,
                metrics=metrics,
                parameter_layers=layers["parameter"],
                activation_layers=layers["activation"],
                all_facts=self.facts(),
            )

    def cursor(self) -> follow.Cursor:
        """Cursor at the end of all that is there now."""
        with self._snapshot() as connection:
            return follow.present(connection)

    def after(self, cursor: follow.Cursor, limit: int = 10_000) -> follow.Changes:
        """What is new since a cursor, at most `limit` rows of a table at once."""
        with self._snapshot() as connection:
            return follow.changes(connection, cursor, self._run(connection), limit)

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        """The connection, within one read transaction: all that is read in it is of one moment."""
        connection = self._connection
        if connection.in_transaction:
            yield connection
            return
        with plain_errors(self._file, "read"):
            connection.execute("BEGIN")
            try:
                with effort.bounded(connection):
                    yield connection
            finally:
                connection.execute("ROLLBACK")

    def _all(self, build: Callable[[tuple[Any, ...]], _Item], query: str) -> tuple[_Item, ...]:
        with self._snapshot() as connection:
            return tuple(build(row) for row in effort.all_rows(connection, connection.execute(query)))

    def _run(self, connection: sqlite3.Connection) -> Run:
        row = _only_row(connection, codec.RUN_COLUMNS)
        return replace(codec.run_of(row, str(self.path)), status=_status(connection))

    def _main(self, connection: sqlite3.Connection) -> int:
        counts = {info.index: step_count(connection, info.index) for info in self.optimizers()}
        return max(counts, key=lambda index: counts[index], default=0)


def _histories(folders: Iterable[Path], *wanted: Any) -> Iterator[tuple[str, History]]:
    """Of each process; one whose file cannot be read counts as gone."""
    for folder in folders:
        try:
            with open_run(folder) as reader:
                yield folder.name, reader.history(*wanted)
        except StoreError as error:
            unread = Run(str(folder), folder.name, "", status="crashed", backwards=1, error=str(error))
            yield folder.name, History(unread)


def _status(connection: sqlite3.Connection) -> Status:
    """Status of the run, "crashed" told from "running"; from columns that every schema has."""
    status, heartbeat, process = _only_row(connection, "status, heartbeat, process")
    if status != "running":
        return cells.one_of(status, "run.status", get_args(Status))
    gone = is_gone(cells.json_object(process, "run.process"))
    if gone is None:
        gone = time.time() - cells.moment(heartbeat, "run.heartbeat") > STALE
    return "crashed" if gone else "running"


def _only_row(connection: sqlite3.Connection, columns: str) -> tuple[Any, ...]:
    """The row of table `run`."""
    row: tuple[Any, ...] | None = connection.execute(f"SELECT {columns} FROM run").fetchone()
    if row is None:
        raise ValueError("an empty table 'run'")
    return row


def _fitted(series: Series, points: int | None, between: tuple[int, int] | None) -> Series:
    if between is not None:
        first = np.searchsorted(series.steps, between[0], side="left")
        last = np.searchsorted(series.steps, between[1], side="right")
        series = Series(series.steps[first:last], series.values[first:last])
    return series if points is None else thin(series, points)
