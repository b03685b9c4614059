"""Runs that are damaged, or somebody else's: every command gives an answer or one sentence, and comes to an end."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch
from torch import nn

import surefoot as sf
from store.damage import spoil

from .answers import answer, faults, reading

GROUPS, IN_EACH = 8, 6


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run with some of everything: blocks, layers, metrics, facts, a finding; of two optimizers."""
    folder = tmp_path_factory.mktemp("sound")
    torch.manual_seed(0)
    inputs = torch.randn(64, 4)
    targets = inputs.sum(1, keepdim=True)
    model, other = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)), nn.Linear(4, 1)
    optimizers = [torch.optim.SGD(model.parameters(), 0.01), torch.optim.Adam(other.parameters())]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(inputs, targets), 16)
    with sf.watch(
        model, optimizers, clip=[sf.AutoClip(), sf.AutoClip()], runs=folder, name="run", every=50
    ) as run:
        for _ in range(260):  # past a full block
            for some, wanted in loader:
                optimizers[1].zero_grad()  # the first one's are never cleared
                for network in (model, other):
                    nn.functional.mse_loss(network(some), wanted).backward()
                for optimizer in optimizers:
                    optimizer.step()
            with torch.no_grad():
                run.log(val_loss=nn.functional.mse_loss(other(inputs), targets))
    with closing(sqlite3.connect(folder / "run" / "run.db")) as connection:
        tables = (
            "step",
            "block",
            "layer",
            "metric",
            "fact",
            "finding",
            "hyperparameter",
            "parameter",
            "activation",
        )
        assert all(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
    return folder / "run"


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes a fresh copy of it, in the place of the one before."""

    def made() -> Path:
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        return Path(shutil.copytree(sound, tmp_path / "runs" / "run"))

    return made


@pytest.mark.parametrize("group", range(GROUPS))
def test_an_answer_or_one_sentence(group: int, copy: Callable[[], Path], tmp_path: Path) -> None:
    for seed in range(group * IN_EACH, (group + 1) * IN_EACH):
        run = copy()
        done = spoil(run / "run.db", seed)
        for arguments in reading(run, tmp_path / "page.html"):
            found = faults(arguments, *answer(arguments))
            assert not found, f"{arguments} after {seed}, {done}: {found}"


def _changed(run: Path, *statements: str) -> None:
    with closing(sqlite3.connect(run / "run.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_one_damaged_run_hides_no_other(copy: Callable[[], Path]) -> None:
    run = copy()
    for name, change in (
        ("empty", "DELETE FROM run"),
        ("typed", "UPDATE run SET steps = 'many'"),
        ("newer", "UPDATE run SET started = 'yesterday'"),
    ):
        shutil.copytree(run, run.with_name(name))
        _changed(run.with_name(name), change)
    code, out, err = answer(["runs", "--runs", str(run.parent)])
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line.split()[1] for line in out.splitlines()[1:] if line[:1].strip()}
    assert lines == {"run": "finished", "empty": "unreadable", "typed": "unreadable", "newer": "unreadable"}
    code, out, err = answer(["show", "--json", "--runs", str(run.parent)])
    assert code == 0
    assert f'"run": "{run}"' in out


ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t)"


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (
            ["DROP TABLE metric", f"CREATE VIEW metric AS {ENDLESS} SELECT n AS id, n AS step, n AS name FROM t"],
            "a view 'metric'",
        ),
        (["CREATE TRIGGER t AFTER INSERT ON step BEGIN DELETE FROM step; END"], "a trigger 't'"),
        (["DROP TABLE fact", "CREATE VIRTUAL TABLE fact USING fts5(data)"], "a virtual table 'fact'"),
        (["ALTER TABLE fact ADD COLUMN more AS (length(data))"], "a column 'more' that is computed"),
        (["ALTER TABLE step DROP COLUMN lr"], "a table 'step' with other columns"),
        (["DROP TABLE finding"], "no table 'finding'"),
        (["UPDATE block SET rows = 2000000000, data = zeroblob(8)"], "blocks that claim"),
        (["UPDATE parameter SET number = 1 << 40 WHERE number = 0"], "6 parameters numbered 1 to"),
        (["UPDATE layer SET data = zeroblob(300000) WHERE id = 1"], "layers that claim"),
        (["DELETE FROM run"], "an empty table 'run'"),
        (["UPDATE fact SET data = printf('%.*c', 100000, '[')"], "fact.data is no JSON value"),
        (["UPDATE run SET started = 1e300"], "run.started is 1e+300, not a point in time"),
        (["UPDATE finding SET severity = 'fatal'"], "finding.severity is 'fatal', not one of"),
    ],
)  # fmt: skip
def test_the_reason_is_named(statements: list[str], reason: str, copy: Callable[[], Path]) -> None:
    run = copy()
    try:
        _changed(run, *statements)
    except sqlite3.OperationalError as error:
        pytest.skip(f"this SQLite cannot be spoilt so: {error}")
    code, out, err = answer(["show", str(run)])
    assert (code, out) == (2, "")
    assert err.startswith(f"surefoot: {run}/run.db is damaged: it holds what no run does ({reason}")
    assert err.count("\n") == 1


def test_nothing_in_a_run_commands_the_terminal(copy: Callable[[], Path], tmp_path: Path) -> None:
    run = copy()
    said = "\x1b]0;title\x07\x1b[31m[red]<script>alert(1)</script>\u202e\x9b"
    _changed(run, "UPDATE run SET status = 'failed'")
    with closing(sqlite3.connect(run / "run.db", isolation_level=None)) as connection:
        for table, column in (
            ("run", "error"),
            ("finding", "title"),
            ("fact", "subject"),
            ("metric", "name"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = 1", (said,))
    for arguments in reading(run, tmp_path / "page.html"):
        assert faults(arguments, *answer(arguments)) == []
    shown = answer(["show", str(run)])[1]
    assert r"\x1b]0;title\x07\x1b[31m[red]<script>alert(1)</script>\u202e\x9b" in shown
    assert "<script>alert(1)" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_tree_that_leads_back_to_itself_comes_to_an_end(copy: Callable[[], Path]) -> None:
    """A page of the table `step` whose hundreds of children are one page, many levels deep: rows without an end."""
    run = copy()
    file = run / "run.db"
    _changed(run, "DELETE FROM block", "VACUUM")
    with closing(sqlite3.connect(file)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'step'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(file.read_bytes())
    page = bytearray(data[(root - 1) * size : root * size])
    assert page[0] == 5  # an inner page of a table
    first = int.from_bytes(page[12:14], "big")
    child = page[first : first + 4]
    for _ in range(6):  # each level's cells all lead to the page of the level below
        inner = bytearray(size)
        inner[0:8] = (
            bytes([5]) + bytes(2) + (400).to_bytes(2, "big") + (size - 400 * 6).to_bytes(2, "big") + bytes(1)
        )
        inner[8:12] = child
        for cell in range(400):
            at = size - (cell + 1) * 6
            inner[12 + 2 * cell : 14 + 2 * cell] = at.to_bytes(2, "big")
            inner[at : at + 5] = child + bytes([127])
        data += inner
        child = (len(data) // size).to_bytes(4, "big")
    data[(root - 1) * size : root * size] = data[-size:]
    data[28:32] = (len(data) // size).to_bytes(4, "big")
    file.write_bytes(data)
    code, out, err = answer(["show", str(run)])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "rows without an end" in err
