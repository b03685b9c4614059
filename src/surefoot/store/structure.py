"""Whether a file has the tables of a run and nothing that computes: a view or a virtual table may never end.

Source: SQLite's documentation, "Defense Against The Dark Arts": what to do before reading a file of strangers.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

from surefoot.store.migrations import schema_sql

_LONGEST_CELL = 2**30 - 1  # bytes; SQLite sets memory aside for as many as a cell claims
_GENERATED = (2, 3)  # PRAGMA table_xinfo.hidden of generated columns

Columns = dict[str, tuple[tuple[str, str], ...]]


def distrust(connection: sqlite3.Connection) -> None:
    """Let nothing in the file run, and no damaged cell pass unseen."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA mmap_size = 0")  # a file cut short while it is mapped would end the process
    if hasattr(connection, "setlimit"):  # Python 3.11
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_CELL)


def check_plain(connection: sqlite3.Connection) -> None:
    """Refuse all but plain tables and indexes; for files of any schema.

    Raises:
        ValueError: There is something else.
    """
    for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master"):
        if kind not in ("table", "index"):
            raise ValueError(f"a {kind} {name!r}")
        if kind == "table" and "VIRTUAL" in str(sql).upper().split("(", 1)[0].split():
            raise ValueError(f"a virtual table {name!r}")


def check_tables(connection: sqlite3.Connection) -> None:
    """Refuse a file whose tables differ from those of the newest schema; further ones are nobody's concern.

    Raises:
        ValueError: A table is missing or has other columns.
    """
    found = _columns(connection)
    for table, columns in _newest_columns().items():
        if table not in found:
            raise ValueError(f"no table {table!r}")
        if found[table] != columns:
            raise ValueError(f"a table {table!r} with other columns")


def _columns(connection: sqlite3.Connection) -> Columns:
    rows = connection.execute(
        "SELECT m.name, x.name, x.type, x.hidden FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS x "
        "WHERE m.type = 'table' ORDER BY m.name, x.cid"
    )
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind, hidden in rows:
        if hidden in _GENERATED:
            raise ValueError(f"a column {name!r} that is computed")
        columns.setdefault(table, []).append((name, kind))
    return {table: tuple(found) for table, found in columns.items()}


@cache
def _newest_columns() -> Columns:
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.executescript(schema_sql())
        return _columns(memory)
