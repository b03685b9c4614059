"""Per-layer quantities of a run, thinned where there are too many."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surefoot.records import Layers
from surefoot.store import cells
from surefoot.store.batch import FAMILIES, Family

_CHUNK = 4096  # rows in memory at once, beyond those that are kept


def layer_names(connection: sqlite3.Connection) -> list[tuple[Family, str]]:
    """(family, quantity) of all that was sampled."""
    return [
        (cells.one_of(family, "layer.family", FAMILIES), cells.string(quantity, "layer.quantity"))
        for family, quantity in connection.execute("SELECT DISTINCT family, quantity FROM layer")
    ]


def layer_columns(connection: sqlite3.Connection, family: Family) -> int:
    """How many parameters or activations there are.

    Raises:
        ValueError: They are not numbered from 0 on.
    """
    count, lowest, highest = connection.execute(
        f"SELECT count(*), coalesce(min(number), 0), coalesce(max(number), -1) FROM {family}"
    ).fetchone()
    if (lowest, highest) != (0, count - 1):
        raise ValueError(f"{count} {family}s numbered {lowest} to {highest}")
    return int(count)


def read_layers(
    connection: sqlite3.Connection, family: Family, quantity: str, columns: int, rows: int
) -> Layers:
    """One quantity of all parameters or activations.

    Where more than `rows` steps were sampled, they are cut into buckets of equal length, each within one
    optimizer. Of each bucket stay two rows: every column's least value, at the bucket's first step, and every
    column's greatest value, at its last step. NaN stays only where a column has nothing else in its bucket.

    Args:
        connection: Open run.
        family: "parameter" or "activation".
        quantity: Its name.
        columns: How many there are at least.
        rows: Upper bound, at least 2 for each optimizer.
    """
    where = "FROM layer WHERE family = ? AND quantity = ?"
    counts = connection.execute(
        f"SELECT optimizer, count(*), max(length(data)) / 4 {where} GROUP BY optimizer", (family, quantity)
    ).fetchall()
    total = sum(count for _, count, _ in counts)
    width = max([columns, *(widest for _, _, widest in counts)])
    parts = [(np.empty(0, np.int64), np.empty((0, width)), np.empty(0, np.int64))]
    for optimizer, count, _ in counts:
        length = 1 if total <= rows else -(-count // max(1, rows * count // (2 * total)))
        cursor = connection.execute(
            f"SELECT step, data {where} AND optimizer = ? ORDER BY id", (family, quantity, optimizer)
        )
        while chunk := cursor.fetchmany(length * max(1, _CHUNK // length)):
            steps = np.array([step for step, _ in chunk], np.int64)
            values = _decode([data for _, data in chunk], width)
            if length > 1:
                steps, values = _extremes(steps, values, length)
            parts.append((steps, values, np.full(len(steps), optimizer, np.int64)))
    steps, values, optimizers = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(steps, kind="stable")
    return Layers(steps[order], values[order], optimizers[order])


def decode(data: bytes) -> NDArray[np.float64]:
    """Entries of one row of table `layer`."""
    return np.frombuffer(data, "<f4").astype(np.float64)


def _decode(blobs: Sequence[bytes], width: int) -> NDArray[np.float64]:
    """Shape (len(blobs), width); short ones end in NaN."""
    full = 4 * width
    if all(len(data) == full for data in blobs):
        return np.frombuffer(b"".join(blobs), "<f4").reshape(len(blobs), width).astype(np.float64)
    values = np.full((len(blobs), width), np.nan)
    for row, data in zip(values, blobs, strict=True):
        row[: len(data) // 4] = decode(data)
    return values


def _extremes(
    steps: NDArray[np.int64], values: NDArray[np.float64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    starts = np.arange(0, len(steps), length)
    ends = np.append(starts[1:], len(steps)) - 1
    least, greatest = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    both = np.stack([least, greatest], axis=1).reshape(-1, values.shape[1])
    return np.stack([steps[starts], steps[ends]], axis=1).reshape(-1), both
