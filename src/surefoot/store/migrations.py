"""The schema's versions: how a file is made, and how an older one is brought up to date.

`schema.sql` is always the newest version. Changing it takes three edits: the file itself, a `Migration` here
that leads to the same tables, and the new text kept as tests/store/schemas/<version>.sql.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from surefoot.errors import NewerSchema, StoreError
from surefoot.store.connection import APPLICATION_ID, connect_writer


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a version of the schema to the next.

    Args:
        name: What it does, as "add-blocks"; recorded in the file.
        apply: Makes the change, by `execute` only: it runs inside a transaction.
    """

    name: str
    apply: Callable[[sqlite3.Connection], object]


def _sum_losses(connection: sqlite3.Connection) -> None:
    """The loss of a step was the mean over its backward passes; it is their sum."""
    several = "SELECT DISTINCT CAST(optimizer AS TEXT) FROM step WHERE micro_steps > 1"
    # Blocks repeat what the rows hold; without them the rows are read.
    connection.execute(f"DELETE FROM block WHERE source = 'step' AND key IN ({several})")
    connection.execute("UPDATE step SET loss = loss * micro_steps WHERE micro_steps > 1")


# The first leads from version 1 to version 2, and so on. Order and names never change.
MIGRATIONS: tuple[Migration, ...] = (Migration("sum-losses", _sum_losses),)


def schema_sql() -> str:
    """Text of schema.sql."""
    return files("surefoot.store").joinpath("schema.sql").read_text(encoding="utf-8")


def newest() -> int:
    """Version of schema.sql."""
    return 1 + len(MIGRATIONS)


def begin_schema(connection: sqlite3.Connection) -> None:
    """Begin a transaction and make all tables in it; the caller adds its rows and commits."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.executescript("BEGIN IMMEDIATE;" + schema_sql())
    names = ["first", *(migration.name for migration in MIGRATIONS)]
    for version, name in enumerate(names, 1):
        _record(connection, version, name)


def version_of(connection: sqlite3.Connection, path: object) -> int:
    """Schema version of an open file.

    Raises:
        StoreError: It is a file of another program.
        NewerSchema: A newer surefoot wrote it.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID or version < 1:
        raise StoreError(f"{path} is not a run: it is another program's SQLite file; name a run instead.")
    if version > newest():
        raise NewerSchema(
            f"{path} was written by a newer surefoot (schema {version}, this one reads up to {newest()}); "
            "upgrade with `pip install --upgrade surefoot`."
        )
    return int(version)


def migrate(connection: sqlite3.Connection) -> list[str]:
    """Bring a file up to date; each migration and the record of it share one transaction.

    Returns:
        Names of the migrations applied, in order.
    """
    done: list[str] = []
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again inside the transaction: another reader may be migrating the same file.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version >= newest():
                return done
            migration = MIGRATIONS[version - 1]
            migration.apply(connection)
            _record(connection, version + 1, migration.name)
            connection.execute("COMMIT")
            done.append(migration.name)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


@contextmanager
def up_to_date(connection: sqlite3.Connection, path: Path, in_use: bool) -> Iterator[sqlite3.Connection]:
    """Connection to the same run in the newest schema.

    Args:
        connection: Open for reading.
        path: Its file.
        in_use: An older surefoot is writing it, so it must stay as it is.

    Effects: migrates the file itself where it is not in use and can be written, else a copy in memory.
    """
    if not in_use and _migrated_in_place(path):
        yield connection
        return
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        connection.backup(memory)
        migrate(memory)
        yield memory
    finally:
        memory.close()


def _migrated_in_place(path: Path) -> bool:
    try:
        writer = connect_writer(path)
        try:
            migrate(writer)
        finally:
            writer.close()
    except sqlite3.OperationalError:
        return False  # it cannot be written here
    return True


def _record(connection: sqlite3.Connection, version: int, name: str) -> None:
    connection.execute("INSERT INTO migration VALUES (?, ?, ?)", (version, name, time.time()))
    connection.execute(f"PRAGMA user_version = {version}")
