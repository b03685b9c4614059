"""The statements of one write, inside the writer's transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.records import Run
from surefoot.store import codec
from surefoot.store.batch import UPDATABLE, Batch, LayerRow, StepRow
from surefoot.store.process import this_process

Rows = Sequence[Sequence[Any]]


def unrecorded(row: StepRow) -> int:
    """Sum of UNRECORDED_BITS over what is None."""
    _, _, _, _, loss, grad_norm, lr, threshold, factor = row
    return (
        (loss is None)
        | (grad_norm is None) << 1
        | (lr is None) << 2
        | (threshold is None) << 3
        | (factor is None) << 4
    )


def layer_row(row: LayerRow) -> tuple[Any, ...]:
    """Row of table `layer`."""
    with np.errstate(over="ignore"):  # beyond float32 is infinite
        data = np.asarray(row.values).astype("<f4", copy=False).tobytes()
    return (None, row.step, row.optimizer, row.family, row.quantity, data)


def insert_run(connection: sqlite3.Connection, run: Run, heartbeat: float) -> None:
    """The run's one row."""
    values = (1, *codec.run_row(run, heartbeat), codec.to_json(this_process()), 0, 0)
    names = f"id, {codec.RUN_COLUMNS}, process, revision, findings_revision"
    connection.execute(f"INSERT INTO run ({names}) VALUES ({_marks(len(values))})", values)


def insert(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    """Add rows."""
    if rows:
        connection.executemany(f"INSERT INTO {table} VALUES ({_marks(len(rows[0]))})", rows)


def write_records(connection: sqlite3.Connection, batch: Batch, revision: int) -> None:
    """Optimizers, parameters, activations, facts and findings."""
    _replace(connection, "optimizer", [codec.optimizer_row(info) for info in batch.optimizers])
    _replace(connection, "parameter", [codec.parameter_row(info) for info in batch.parameters])
    _replace(connection, "activation", [codec.activation_row(info) for info in batch.activations])
    # An update keeps the id, which is the order of first sight.
    connection.executemany(
        "INSERT INTO fact (kind, subject, step, data, revision) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (kind, subject) "
        "DO UPDATE SET step = excluded.step, data = excluded.data, revision = excluded.revision",
        [codec.fact_row(fact, revision) for fact in batch.facts],
    )
    if batch.findings is not None:
        connection.execute("DELETE FROM finding")
        rows = [codec.finding_row(position, finding) for position, finding in enumerate(batch.findings)]
        insert(connection, "finding", rows)
        connection.execute("UPDATE run SET findings_revision = ?", (revision,))


def write_run(connection: sqlite3.Connection, batch: Batch, revision: int) -> None:
    """Heartbeat, number of steps, and the fields that the batch changes."""
    if unknown := sorted(set(batch.run) - UPDATABLE):
        raise SettingError(
            f"a run has no field {unknown[0]!r} to change; it has {', '.join(sorted(UPDATABLE))}."
        )
    last = max((row[0] for row in batch.steps), default=0)
    connection.execute(
        "UPDATE run SET heartbeat = ?, revision = ?, steps = max(steps, ?)", (time.time(), revision, last)
    )
    for field, value in batch.run.items():
        connection.execute(f"UPDATE run SET {field} = ?", (codec.encode_run_field(field, value),))


def _replace(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    if rows:
        connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({_marks(len(rows[0]))})", rows)


def _marks(count: int) -> str:
    return ", ".join("?" * count)
