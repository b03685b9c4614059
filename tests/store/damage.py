"""Runs spoilt in every way we could think of, each from a number alone; the suite tries a few of them."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

CELLS: tuple[Any, ...] = (
    None, -1, 0, 1, 2**31, 2**53, 2**62, -(2**63), 1.5, -1e308, 1e308, float("inf"), float("-inf"),
    "", "x", "7", "NaN", "running", "crashed", "last", "../..", "/etc/passwd", "a\x00b", "\ud7ff\ue000",
    "\x1b]0;title\x07\x1b[31mred", "[red]x[/red] [/] [link=x]", "<script>alert(1)</script>&amp;", "%s %d {0} {{x}}",
    "two\nsurefoot: healthy", "\rover", "\u202egnp.exe", "\x9b31m", "\u2028", "'; DROP TABLE run; --", "a.py:1: x",
    "a.py:99999999999999999999: x", b"", b"\x00" * 8, b"\xff\xfe\x80", b"\x00" * 4096, bytes(range(256)) * 3000,
    "x" * 300_000, "null", "true", "[]", "{}", "[1, 2", "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000,
    "[" * 60 + "]" * 60, '"\\ud800"', '{"\\u001b[31m": "\\u0000"}', "1e999", "9" * 5000, "[NaN, Infinity]", '["x", 3]',
    "[-1, 99999999999]", '{"id": "x", "machine": 3}', '[{"code": 1}]', '[{"consequences": []}]',
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 10**6, 2**62, -(2**70), 1.5, -0.0, 1e308, float("nan"), float("inf"), "", "x",
    "train.py:3", "train.py:999999: y", "\x1b[31m", "[red]", "<b>", "\ud800", [], {}, [None], [[1, 2], [3]], {"x": {}},
    ["a", 1, None], {"a": [1, {"b": None}]}, list(range(1000)), [float("nan")] * 3, "y" * 5000,
)  # fmt: skip


def spoil(file: Path, seed: int) -> str:
    """Spoil a run's file in one way, or in a few.

    Args:
        file: Its run.db.
        seed: Which.

    Returns:
        What was done.
    """
    source = random.Random(seed)
    if seed % 4 == 3:
        return source.choice((_bytes, _cut, _pages, _header, _log))(file, source)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        _without_constraints(connection)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        changes = (_json, _cell, _column, _cell, _json, _rows, _blocks, _tables)
        change: Callable[[sqlite3.Connection, random.Random], str] = changes[seed // 4 % len(changes)]
        times = 1 if change is _tables else source.choice((1, 1, 1, 3))
        return ", ".join(change(connection, source) for _ in range(times))


def _without_constraints(connection: sqlite3.Connection) -> None:
    """The same columns, which now take anything."""
    connection.execute("PRAGMA writable_schema = ON")
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL"
    ).fetchall()
    for name, sql in rows:
        plain = "\n".join(_unchecked(line) for line in sql.replace("NOT NULL", "").splitlines())
        connection.execute(
            "UPDATE sqlite_master SET sql = ? WHERE name = ? AND type = 'table'", (plain, name)
        )


def _unchecked(line: str) -> str:
    before, check, rest = line.partition("CHECK (")
    if not check:
        return line
    depth, at = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[at], 0)
        at += 1
    return before + rest[at:]


def _tables_of(connection: sqlite3.Connection) -> dict[str, list[str]]:
    names = [
        n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    return {n: [row[1] for row in connection.execute(f'PRAGMA table_info("{n}")')] for n in names}


def _try(connection: sqlite3.Connection, statement: str, values: tuple[Any, ...] = ()) -> str:
    try:
        connection.execute(statement, values)
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
        return f"nothing ({error})"
    return f"{statement} {repr(values)[:120]}"


def _some_row(connection: sqlite3.Connection, table: str, source: random.Random) -> int:
    rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
    return source.choice(rows) if rows else 0


def _cell(connection: sqlite3.Connection, source: random.Random) -> str:
    table, columns = source.choice([*_tables_of(connection).items()])
    row = _some_row(connection, table, source)
    statement = f'UPDATE "{table}" SET "{source.choice(columns)}" = ? WHERE rowid = {row}'
    return _try(connection, statement, (source.choice(CELLS),))


def _column(connection: sqlite3.Connection, source: random.Random) -> str:
    table, columns = source.choice([*_tables_of(connection).items()])
    return _try(connection, f'UPDATE "{table}" SET "{source.choice(columns)}" = ?', (source.choice(CELLS),))


_TEXTS = (
    ("fact", "data"), ("fact", "data"), ("fact", "data"), ("finding", "evidence"), ("finding", "consequences"),
    ("optimizer", "settings"), ("optimizer", "parameters"), ("parameter", "shape"), ("run", "environment"),
    ("run", "argv"), ("run", "process"), ("hyperparameter", "value"),
)  # fmt: skip


def _json(connection: sqlite3.Connection, source: random.Random) -> str:
    """Another value somewhere in a JSON value, or a key less or more."""
    table, column = source.choice(_TEXTS)
    row = _some_row(connection, table, source)
    found = connection.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()
    if found is None:
        return "nothing (no row)"
    try:
        whole = json.loads(found[0])
    except (TypeError, ValueError):
        return "nothing (no JSON)"
    for _ in range(source.choice((1, 1, 3, 20))):
        whole = _other(whole, source)
    return _try(connection, f"UPDATE {table} SET {column} = ? WHERE rowid = {row}", (json.dumps(whole),))


def _other(node: Any, source: random.Random) -> Any:
    if isinstance(node, dict) and node and source.random() < 0.9:
        key = source.choice([*node])
        if source.random() < 0.15:
            return {name: part for name, part in node.items() if name != key}
        return {**node, key: _other(node[key], source)}
    if isinstance(node, list) and node and source.random() < 0.7:
        at = source.randrange(len(node))
        return [*node[:at], _other(node[at], source), *node[at + 1 :]]
    return source.choice(VALUES)


def _rows(connection: sqlite3.Connection, source: random.Random) -> str:
    """Rows gone, doubled, or renumbered."""
    table, columns = source.choice([*_tables_of(connection).items()])
    number = source.choice((2**62, -5, 2**31, 7))
    key, *others = columns
    named = ", ".join(f'"{other}"' for other in others)
    return _try(
        connection,
        source.choice(
            (
                f'DELETE FROM "{table}"',
                f'DELETE FROM "{table}" WHERE rowid % 2',
                f'DELETE FROM "{table}" WHERE rowid > (SELECT min(rowid) FROM "{table}")',
                f'UPDATE "{table}" SET rowid = {number} WHERE rowid = (SELECT max(rowid) FROM "{table}")',
                f'UPDATE "{table}" SET rowid = rowid + {number}',
                f'INSERT INTO "{table}" ({named}) SELECT {named} FROM "{table}"',
                f'INSERT INTO "{table}" ("{key}") VALUES ({number})',
            )
        ),
    )


def _blocks(connection: sqlite3.Connection, source: random.Random) -> str:
    """Blocks and layers that lie about their size, place or owner."""
    values = {
        "rows": (0, -1, 1, 3, 1023, 1025, 10**6, 2_000_000_000, 2**62),
        "last_id": (-1, 0, 1, 500, 10**9, 2**62),
        "data": (
            b"",
            b"\x00" * 8,
            b"\xff" * 8,
            b"\x00" * 4096,
            b"\x00" * 8192,
            b"\x00" * 8191,
            b"\x7f\xf0" * 2048,
        ),
        "key": ("0", "1", "val_loss", "x"),
        "name": ("step", "loss", "unrecorded", "x"),
        "source": ("step", "metric", "x"),
    }
    column = source.choice([*values])
    where = source.choice(("", f" WHERE rowid = {_some_row(connection, 'block', source)}"))
    return _try(connection, f"UPDATE block SET {column} = ?{where}", (source.choice(values[column]),))


def _tables(connection: sqlite3.Connection, source: random.Random) -> str:
    """Another schema: tables gone, computed, virtual, of other versions."""
    table, columns = source.choice([*_tables_of(connection).items()])
    column = source.choice(columns)
    endless = "WITH RECURSIVE t(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM t) SELECT"
    changes = (
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} RENAME TO other",
        f"ALTER TABLE {table} RENAME COLUMN {column} TO other",
        f"ALTER TABLE {table} DROP COLUMN {column}",
        f"ALTER TABLE {table} ADD COLUMN more INTEGER",
        f"ALTER TABLE {table} ADD COLUMN more AS (abs({column}))",
        f"DROP TABLE {table}; CREATE VIEW {table} AS {endless} {', '.join(f'id AS {name}' for name in columns)} FROM t",
        f"DROP TABLE {table}; CREATE VIRTUAL TABLE {table} USING fts5({', '.join(columns)})",
        f"DROP TABLE {table}; CREATE TABLE {table} ({', '.join(columns)})",
        f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM run; END",
        "CREATE TABLE extra (a); INSERT INTO extra VALUES (1)",
        "CREATE INDEX more ON fact (length(data))",
        *(f"PRAGMA user_version = {version}" for version in (99, -1, 0, 2**31 - 1)),
        "PRAGMA application_id = 0",
        "PRAGMA journal_mode = WAL",
        "PRAGMA encoding = 'UTF-16'",
        "UPDATE run SET status = 'running'",
    )
    change = source.choice(changes)
    try:
        connection.executescript(change)
    except sqlite3.Error as error:
        return f"nothing ({error})"
    return change


def _bytes(file: Path, source: random.Random) -> str:
    data = bytearray(file.read_bytes())
    count = source.choice((1, 5, 50, 1000))
    for _ in range(count):
        data[source.randrange(len(data))] = source.randrange(256)
    file.write_bytes(data)
    return f"{count} bytes changed"


def _cut(file: Path, source: random.Random) -> str:
    data = file.read_bytes()
    end = source.randrange(len(data))
    more = source.choice((b"", b"\x00" * 5000, b"\xa5" * 100))
    file.write_bytes(data[:end] + more)
    return f"cut at {end}, {len(more)} bytes more"


def _pages(file: Path, source: random.Random) -> str:
    """Pages in each other's place: rows of other tables, trees that lead back to themselves."""
    data, size = bytearray(file.read_bytes()), 4096
    count = max(2, len(data) // size)
    swaps = source.choice((1, 3, 20))
    for _ in range(swaps):
        one, other = source.randrange(1, count), source.randrange(1, count)
        data[one * size : (one + 1) * size] = data[other * size : (other + 1) * size]
    file.write_bytes(data)
    return f"{swaps} pages overwritten"


def _header(file: Path, source: random.Random) -> str:
    data = bytearray(file.read_bytes())
    at = source.randrange(16, 100)
    data[at : at + 4] = source.randbytes(4)
    file.write_bytes(data)
    return f"header changed at {at}"


def _log(file: Path, source: random.Random) -> str:
    """A write-ahead log beside it, spoilt."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE run SET steps = steps + 1")
        connection.execute("UPDATE fact SET data = data || ' '")
        log = bytearray(file.with_name("run.db-wal").read_bytes())
    for _ in range(source.choice((1, 10, 500))):
        log[source.randrange(len(log))] = source.randrange(256)
    end = source.choice((len(log), source.randrange(len(log))))
    file.with_name("run.db-wal").write_bytes(log[:end])
    return f"a log of {end} bytes spoilt"
