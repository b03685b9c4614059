"""The schema: its page, its versions, and the way from an older one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from surefoot.errors import StoreError
from surefoot.records import OptimizerInfo
from surefoot.store import migrations
from surefoot.store.batch import Batch, StepRow
from surefoot.store.blocks import BLOCK_ROWS
from surefoot.store.documentation import schema_page
from surefoot.store.migrations import Migration, begin_schema, newest, schema_sql
from surefoot.store.reader import open_run
from surefoot.store.writer import RunWriter

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(__file__).with_name("schemas")
STANDING = [migration.name for migration in migrations.MIGRATIONS]


@pytest.fixture
def fresh() -> Iterator[sqlite3.Connection]:
    """Tables of the newest schema, in memory."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        begin_schema(connection)
        connection.execute("COMMIT")
        yield connection


def tables(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    names = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
    return {
        name: connection.execute(f"PRAGMA table_xinfo({name})").fetchall() for (name,) in names.fetchall()
    }


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    assert page == schema_page(), "run: python -m surefoot.store.documentation > docs/schema.md"


def test_every_column_is_on_the_page(fresh: sqlite3.Connection) -> None:
    page = schema_page()
    names = fresh.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in names:
        section = re.search(rf"^## {table}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert section is not None, table
        documented = re.findall(
            r"^\| `(\w+)` \| (?:INTEGER|REAL|TEXT|BLOB)[^|]* \| \S", section[1], re.MULTILINE
        )
        assert documented == [row[1] for row in fresh.execute(f"PRAGMA table_info({table})")]


def test_the_newest_schema_is_kept_for_later() -> None:
    kept = {int(file.stem) for file in SCHEMAS.glob("*.sql")}
    assert kept == set(range(1, newest() + 1))
    assert (SCHEMAS / f"{newest()}.sql").read_text(encoding="utf-8") == schema_sql()


@pytest.mark.parametrize("version", sorted(int(file.stem) for file in SCHEMAS.glob("*.sql")))
def test_migrations_lead_to_the_newest_schema(fresh: sqlite3.Connection, version: int) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        old.executescript((SCHEMAS / f"{version}.sql").read_text(encoding="utf-8"))
        old.execute(f"PRAGMA user_version = {version}")
        assert len(migrations.migrate(old)) == newest() - version
        assert old.execute("PRAGMA user_version").fetchone() == (newest(),)
        assert tables(old) == tables(fresh)


@pytest.fixture
def ended(writer: RunWriter, folder: Path) -> Path:
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {}, ())]))
    writer.write(Batch(steps=[StepRow(1, 0, 0.1, 1, loss=2.0)]))
    writer.finish("finished", 0)
    return folder


def rename_loss(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE step SET loss = loss + 1")
    connection.execute("CREATE TABLE added (number INTEGER)")


def with_migrations(monkeypatch: pytest.MonkeyPatch, *applied: Migration) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *applied))


def look(folder: Path) -> tuple[int, list[str], float]:
    """Version, recorded migrations and first loss, as they lie in the file."""
    connection = sqlite3.connect(folder / "run.db")
    names = [name for (name,) in connection.execute("SELECT name FROM migration ORDER BY version")]
    found = connection.execute("PRAGMA user_version").fetchone()[0], names, connection.execute(
        "SELECT loss FROM step"
    ).fetchone()[0]  # fmt: skip
    connection.close()
    return found


def test_an_older_run_is_brought_up_to_date_once(ended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = Migration("again", lambda connection: connection.execute("UPDATE step SET loss = loss * 10"))
    with_migrations(monkeypatch, Migration("rename-loss", rename_loss), again)
    for _ in range(2):
        with open_run(ended) as reader:
            assert reader.series("loss").values.tolist() == [30.0]
    assert look(ended) == (newest(), ["first", *STANDING, "rename-loss", "again"], 30.0)


def test_a_migration_that_fails_leaves_no_trace(ended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        rename_loss(connection)
        connection.execute("SELECT * FROM nowhere")

    first = Migration("rename-loss", lambda connection: connection.execute("UPDATE step SET loss = 9"))
    with_migrations(monkeypatch, first, Migration("broken", broken))
    with pytest.raises(StoreError, match="no such table: nowhere"):
        open_run(ended)
    assert look(ended) == (newest() - 1, ["first", *STANDING, "rename-loss"], 9.0)


def test_a_run_in_use_is_migrated_in_memory(
    writer: RunWriter, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {}, ())]))
    writer.write(Batch(steps=[StepRow(1, 0, 0.1, 1, loss=2.0)]))
    with monkeypatch.context() as patch:
        with_migrations(patch, Migration("rename-loss", rename_loss))
        with open_run(folder) as reader:
            assert reader.series("loss").values.tolist() == [3.0]
            assert reader.run().status == "running"
    writer.write(Batch(steps=[StepRow(2, 0, 0.1, 1, loss=1.0)]))
    assert look(folder) == (newest(), ["first", *STANDING], 2.0)


def test_losses_that_were_means_become_sums(writer: RunWriter, folder: Path) -> None:
    optimizers = [OptimizerInfo(index, "SGD", {}, ()) for index in range(2)]
    steps = [
        StepRow(k, k % 2, 0.1 * k, 1 if k % 2 else 4, loss=float(k)) for k in range(1, 2 * BLOCK_ROWS + 11)
    ]
    writer.write(Batch(optimizers=optimizers, steps=steps))
    writer.finish("finished", 0)
    with closing(sqlite3.connect(folder / "run.db")) as connection:  # as version 1 left it
        connection.execute("DELETE FROM migration WHERE version > 1")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    with open_run(folder) as reader:
        for optimizer, factor in ((0, 4.0), (1, 1.0)):
            own = [row for row in steps if row.optimizer == optimizer]
            found = reader.series("loss", optimizer)
            assert found.values.tolist() == [factor * row.step for row in own]
            assert found.steps.tolist() == [row.step for row in own]
