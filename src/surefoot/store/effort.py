"""How much work reading may take: a damaged or hostile file can look endless, so what is read is bound by its size.

All is counted, not timed: a loaded machine is no damaged file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_EVERY = 100_000  # instructions of SQLite's machine between two looks
# Reading a whole run took up to 0.3 instructions a byte in runs of 0.1 to 22 MB with up to 1,000 metrics or 3,000
# parameters; with 50 optimizers 3, and with 2,000 of one step each, the worst that was made, 54: 12 million in all.
_INSTRUCTIONS = 100_000_000  # some seconds
_INSTRUCTIONS_PER_BYTE = 50
_SMALLEST_ROW = 8  # bytes: header, key and place in its page


@contextmanager
def bounded(connection: sqlite3.Connection) -> Iterator[None]:
    """Interrupt what is read within, once it takes far more work than a file of its size can need.

    Raises:
        sqlite3.OperationalError: It was interrupted.
    """
    left = (_INSTRUCTIONS + _INSTRUCTIONS_PER_BYTE * size_of(connection)) // _EVERY

    def look() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    connection.set_progress_handler(look, _EVERY)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def size_of(connection: sqlite3.Connection) -> int:
    """Bytes of the file with its log, as of now."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)


def all_rows(connection: sqlite3.Connection, cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
    """All rows of a query over one table.

    Raises:
        ValueError: There are more than a file of its size has room for.
    """
    most = size_of(connection) // _SMALLEST_ROW
    rows = cursor.fetchmany(most + 1)
    if len(rows) > most:
        raise ValueError("rows without an end")
    return rows


def check_blocks(connection: sqlite3.Connection) -> None:
    """Refuse blocks that claim more rows than the file has room for.

    Raises:
        ValueError: They do.
    """
    # Every row of a block stands in its own table too, in 10 bytes or more for each of the columns blocked.
    (claimed,) = connection.execute("SELECT total(rows) FROM block").fetchone()
    if claimed > size_of(connection):
        raise ValueError(f"blocks that claim {claimed:,.0f} entries")


def check_layers(connection: sqlite3.Connection) -> None:
    """Refuse layers that would need far more memory than they take in the file.

    Raises:
        ValueError: They do.
    """
    (entries,) = connection.execute(
        "SELECT total(rows * width) FROM (SELECT count(*) AS rows, max(length(data)) / 4.0 AS width "
        "FROM layer GROUP BY family, quantity)"
    ).fetchone()
    # Full rows have a quarter as many entries as bytes; short ones, from before all columns were met, some more.
    if entries > 4 * size_of(connection):
        raise ValueError(f"layers that claim {entries:,.0f} entries")
