"""Columns of many rows as compact bytes, and back.

SQLite reads rows at nearly a microsecond for each value, NumPy a column of bytes at next to nothing. So the
writer keeps every full block of rows once more by column (table `block`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 1024

STEP_COLUMNS = (
    "id",
    "step",
    "optimizer",
    "time",
    "micro_steps",
    "loss",
    "grad_norm",
    "lr",
    "clip_threshold",
    "clip_factor",
    "unrecorded",
)
METRIC_COLUMNS = ("id", "step", "name", "value", "time")
UNRECORDED_BITS = {"loss": 1, "grad_norm": 2, "lr": 4, "clip_threshold": 8, "clip_factor": 16}

_INTEGERS = frozenset({"id", "step", "micro_steps", "unrecorded"})
_KEY_AND_ID = frozenset({"id", "optimizer", "name"})  # held once for the whole block


class BlockRow(NamedTuple):
    """A row of table `block`, without its id."""

    source: str
    key: str
    name: str
    rows: int
    last_id: int
    data: bytes


def column(name: str, values: Iterable[Any]) -> NDArray[Any]:
    """Values of a named column as int64 or float64; None becomes NaN."""
    return np.array(values, dtype=np.int64 if name in _INTEGERS else np.float64)


def pack(values: NDArray[Any]) -> bytes:
    """Bytes of an int64 or float64 array of at least 3 entries, bit for bit restorable by `unpack`.

    Example:
        >>> len(pack(np.full(1000, 0.1))), len(pack(np.arange(1000))), len(pack(np.arange(3) * 0.1))
        (8, 4000, 24)
    """
    wide = values.astype(values.dtype.newbyteorder("<"), copy=False)
    bits = wide.view("<i8")
    if (bits == bits[0]).all():
        return wide[:1].tobytes()
    with np.errstate(all="ignore"):
        narrow = wide.astype("<i4" if wide.dtype.kind == "i" else "<f4")
        # NaN's own bits matter to nobody; signs of zeros are kept by float32.
        same = np.array_equal(narrow.astype(wide.dtype), wide, equal_nan=wide.dtype.kind == "f")
    return narrow.tobytes() if same else wide.tobytes()


def unpack(name: str, data: bytes, rows: int) -> NDArray[Any]:
    """The column `name` of a block, int64 or float64.

    Raises:
        ValueError: `data` is no column of so many rows.
    """
    if not isinstance(rows, int) or not 0 < rows <= BLOCK_ROWS:
        raise ValueError(f"a block of {rows} rows")
    if not isinstance(data, bytes) or len(data) not in (8, 4 * rows, 8 * rows):
        raise ValueError(f"a block whose data are not those of {rows} rows")
    kind = "i" if name in _INTEGERS else "f"
    if len(data) == 8:
        return np.full(rows, np.frombuffer(data, f"<{kind}8")[0])
    return np.frombuffer(data, f"<{kind}{len(data) // rows}").astype(f"{kind}8")


def blocks_of(source: str, key: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[BlockRow]:
    """All columns of a block of rows, whose first entry is the id.

    Args:
        source: "step" or "metric".
        key: Number of the optimizer, or name of the metric.
        names: Names of the rows' entries.
        rows: At least 3.
    """
    last_id = int(rows[-1][0])
    return [
        BlockRow(source, key, name, len(rows), last_id, pack(column(name, values)))
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
        if name not in _KEY_AND_ID
    ]


class BlockedRows:
    """Ids and blocks of one table that only grows.

    What `number` hands out counts only once `keep` says that it was committed.

    Args:
        source: "step" or "metric".
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._columns = STEP_COLUMNS if source == "step" else METRIC_COLUMNS
        self._key_entry = self._columns.index("optimizer" if source == "step" else "name")
        self._last_id = 0
        self._pending: dict[Any, list[tuple[Any, ...]]] = {}
        self._given: list[tuple[Any, ...]] = []
        self._rest: dict[Any, list[tuple[Any, ...]]] = {}

    def number(self, rows: Iterable[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], list[BlockRow]]:
        """Rows with their ids in front, and the blocks that they complete."""
        self._given = [(number, *row) for number, row in enumerate(rows, self._last_id + 1)]
        self._rest = {}
        for row in self._given:
            key = row[self._key_entry]
            if key not in self._rest:
                self._rest[key] = list(self._pending.get(key, ()))
            self._rest[key].append(row)
        blocks = []
        for key, waiting in self._rest.items():
            full = len(waiting) - len(waiting) % BLOCK_ROWS
            for start in range(0, full, BLOCK_ROWS):
                part = waiting[start : start + BLOCK_ROWS]
                blocks += blocks_of(self._source, str(key), self._columns, part)
            del waiting[:full]
        return self._given, blocks

    def keep(self) -> None:
        """What was numbered last is committed."""
        self._last_id += len(self._given)
        self._pending.update(self._rest)
        self._given, self._rest = [], {}
