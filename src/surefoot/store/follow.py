"""What is new in a run since the last look."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from surefoot.facts import Fact
from surefoot.records import Finding, Run
from surefoot.store import codec
from surefoot.store.batch import HyperparameterRow, LayerRow, MetricRow, StepRow
from surefoot.store.blocks import UNRECORDED_BITS
from surefoot.store.layers import decode

_NAN = float("nan")


class Cursor(NamedTuple):
    """How far a follower has read; five integers, so it can travel as text.

    Args:
        step: Last id seen of table `step`.
        metric: Likewise.
        layer: Likewise.
        hyperparameter: Likewise.
        revision: `run.revision` seen.
    """

    step: int = 0
    metric: int = 0
    layer: int = 0
    hyperparameter: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """New rows since a cursor.

    Args:
        cursor: Where to go on.
        run: The run as it is now.
        steps: New ones, in the order of recording.
        metrics: Likewise.
        layers: Likewise.
        hyperparameters: Likewise; values decoded.
        facts: New or changed.
        findings: The whole diagnosis where it was replaced, else None.
        more: There is more than the limit let through; ask again at once.
    """

    cursor: Cursor
    run: Run
    steps: tuple[StepRow, ...]
    metrics: tuple[MetricRow, ...]
    layers: tuple[LayerRow, ...]
    hyperparameters: tuple[HyperparameterRow, ...]
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...] | None
    more: bool


def present(connection: sqlite3.Connection) -> Cursor:
    """Cursor at the end of all that is there."""
    tables = ("step", "metric", "layer", "hyperparameter")
    ids = (connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0] for table in tables)
    (revision,) = connection.execute("SELECT revision FROM run").fetchone()
    return Cursor._make((*ids, revision))


def changes(connection: sqlite3.Connection, cursor: Cursor, run: Run, limit: int) -> Changes:
    """What is new since `cursor`, at most `limit` rows of each table."""
    after = "WHERE id > ? ORDER BY id LIMIT ?"
    steps = connection.execute(
        "SELECT id, unrecorded, step, optimizer, time, micro_steps, loss, grad_norm, lr, clip_threshold, "
        f"clip_factor FROM step {after}",
        (cursor.step, limit),
    ).fetchall()
    metrics = connection.execute(
        f"SELECT id, step, name, value, time FROM metric {after}", (cursor.metric, limit)
    ).fetchall()
    layers = connection.execute(
        f"SELECT id, step, optimizer, family, quantity, data FROM layer {after}", (cursor.layer, limit)
    ).fetchall()
    settings = connection.execute(
        f"SELECT id, step, optimizer, group_number, name, value FROM hyperparameter {after}",
        (cursor.hyperparameter, limit),
    ).fetchall()
    facts = connection.execute(
        "SELECT kind, subject, step, data FROM fact WHERE revision > ? ORDER BY id", (cursor.revision,)
    ).fetchall()
    revision, diagnosed = connection.execute("SELECT revision, findings_revision FROM run").fetchone()
    ids = (
        rows[-1][0] if rows else seen
        for rows, seen in zip((steps, metrics, layers, settings), cursor[:4], strict=True)
    )
    return Changes(
        cursor=Cursor._make((*ids, revision)),
        run=run,
        steps=tuple(_step(mask, row) for _, mask, *row in steps),
        metrics=tuple(
            MetricRow(step, name, _NAN if value is None else value, time)
            for _, step, name, value, time in metrics
        ),
        layers=tuple(LayerRow._make((*row, decode(data))) for _, *row, data in layers),
        hyperparameters=tuple(codec.setting_of(row) for _, *row in settings),
        facts=tuple(codec.fact_of(row) for row in facts),
        findings=read_findings(connection) if diagnosed > cursor.revision else None,
        more=any(len(rows) == limit for rows in (steps, metrics, layers, settings)),
    )


def read_findings(connection: sqlite3.Connection) -> tuple[Finding, ...]:
    """The latest diagnosis, the main finding first."""
    rows = connection.execute(
        "SELECT code, severity, title, fix, step, evidence, place, confidence, because, consequences "
        "FROM finding ORDER BY position"
    )
    return tuple(codec.finding_of(row) for row in rows)


def _step(unrecorded: int, row: list[float | None]) -> StepRow:
    values = dict(zip(StepRow._fields, row, strict=True))
    for name, bit in UNRECORDED_BITS.items():
        if values[name] is None and not unrecorded & bit:
            values[name] = _NAN
    return StepRow(**values)  # type: ignore[arg-type]  # the first four are never NULL
