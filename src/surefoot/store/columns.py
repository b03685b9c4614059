"""Whole columns of the tables `step` and `metric`: the blocks first, then the rows after the last of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.records import Series
from surefoot.store import cells
from surefoot.store.blocks import UNRECORDED_BITS, column, unpack
from surefoot.store.effort import all_rows

_KEY_COLUMN = {"step": "optimizer", "metric": "name"}
# Without a clipper these are NaN at every step, so that they line up with the gradient norm.
_ALIGNED = frozenset({"clip_threshold", "clip_factor"})


def read_columns(
    connection: sqlite3.Connection, source: str, key: int | str, names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Columns of one optimizer's steps or of one metric, in the order of recording.

    Args:
        connection: Open run.
        source: "step" or "metric".
        key: Number of the optimizer, or name of the metric.
        names: Columns wanted.

    Returns:
        By name: shape (rows,), int64 or float64.

    Raises:
        ValueError: The columns are of different lengths.
    """
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    last = 0
    for name, found in parts.items():
        for rows, last_id, data in connection.execute(
            "SELECT rows, last_id, data FROM block WHERE source = ? AND key = ? AND name = ? ORDER BY id",
            (source, str(key), name),
        ):
            found.append(unpack(name, data, rows))
            last = last_id
    found_later = connection.execute(
        f"SELECT {', '.join(names)} FROM {source} WHERE id > ? AND {_KEY_COLUMN[source]} = ? ORDER BY id",
        (last, key),
    )
    tail = all_rows(connection, found_later)
    values = zip(*tail, strict=True) if tail else ((),) * len(names)
    for name, entries in zip(names, values, strict=True):
        parts[name].append(column(name, entries))
    columns = {name: np.concatenate(found) for name, found in parts.items()}
    if len({len(values) for values in columns.values()}) > 1:
        raise ValueError(f"columns of {source} {key} with different lengths")
    return columns


def step_series(connection: sqlite3.Connection, optimizer: int, names: Sequence[str]) -> dict[str, Series]:
    """Step series of one optimizer at full resolution; names never recorded are left out."""
    data = read_columns(connection, "step", optimizer, list(dict.fromkeys(("step", "unrecorded", *names))))
    steps, unrecorded = data["step"], data["unrecorded"]
    series = {}
    for name in names:
        values = data[name].astype(np.float64)
        if bit := UNRECORDED_BITS.get(name):
            missing = (unrecorded & bit) != 0
            if missing.all():
                continue
            if name not in _ALIGNED:
                series[name] = in_order(steps[~missing], values[~missing])
                continue
        if len(values):
            series[name] = in_order(steps, values)
    return series


def metric_series(connection: sqlite3.Connection, name: str) -> Series:
    """A metric at full resolution, in the order of its steps; empty if never recorded."""
    data = read_columns(connection, "metric", name, ("step", "value"))
    return in_order(data["step"], data["value"])


def in_order(steps: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
    """Series sorted by step; those of one step stay in the order of recording."""
    if len(steps) > 1 and (np.diff(steps) < 0).any():
        order = np.argsort(steps, kind="stable")
        return Series(steps[order], values[order])
    return Series(steps, values)


def metric_names(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names of all metrics, in order of first sight."""
    # One seek of the index a name; DISTINCT would read every row.
    rows = connection.execute(
        """
        WITH RECURSIVE seen (name) AS (
            SELECT min(name) FROM metric
            UNION ALL
            SELECT (SELECT min(name) FROM metric WHERE name > seen.name) FROM seen WHERE seen.name IS NOT NULL
        )
        SELECT name FROM seen WHERE name IS NOT NULL
        ORDER BY (SELECT min(id) FROM metric WHERE metric.name = seen.name)
        """
    )
    return tuple(cells.string(name, "metric.name") for (name,) in rows)


def step_count(connection: sqlite3.Connection, optimizer: int) -> int:
    """Number of steps of an optimizer."""
    blocked, last = connection.execute(
        "SELECT coalesce(sum(rows), 0), coalesce(max(last_id), 0) FROM block "
        "WHERE source = 'step' AND key = ? AND name = 'step'",
        (str(optimizer),),
    ).fetchone()
    (rest,) = connection.execute(
        "SELECT count(*) FROM step WHERE id > ? AND optimizer = ?", (last, optimizer)
    ).fetchone()
    return int(blocked + rest)
