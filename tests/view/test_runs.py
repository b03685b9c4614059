"""The table of runs: what it says, what is sent of it, what a page may change."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from report import histories
from surefoot.cli.view import view
from surefoot.comparison import compare
from surefoot.errors import StoreError
from surefoot.records import Finding
from surefoot.store.notes import Notes, read_notes
from surefoot.store.reader import open_run

from .recorded import begin, record
from .test_guard import PAGE, client

pytest.importorskip("starlette", reason="needs surefoot[view]")
from starlette.requests import Request

from surefoot.view import streams
from surefoot.view.folder import Folder
from surefoot.view.judging import Judging
from surefoot.view.table import Table


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    record(folder, histories.healthy(200), name="sound")
    record(folder, histories.diverged(450), (histories.TOO_HIGH, histories.DEAD), name="spoilt")
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def rows(runs: Path) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in client(runs).get("/api/runs").json()["rows"]}


def crashed(runs: Path, name: str = "crashed") -> Path:
    """A run whose process is gone without a word."""
    path = record(runs, histories.healthy(20), name=name)
    with closing(sqlite3.connect(path / "run.db")) as connection, connection:
        connection.execute("UPDATE run SET status = 'running', process = '{}', heartbeat = 0")
    return path


def test_a_row_says_what_a_run_came_to(runs: Path) -> None:
    found = rows(runs)
    sound, spoilt = found["sound"], found["spoilt"]
    history = histories.healthy(200)
    assert (sound["status"], sound["steps"], sound["verdict"]) == ("finished", 200, "healthy")
    assert sound["loss"] == pytest.approx(history.series("loss").values[-1])
    assert sound["norm"] == pytest.approx(history.series("grad_norm").values[-1])
    assert sound["validation"] == pytest.approx(0.13)
    assert 0 < sound["clipped"] < 1  # type: ignore[operator]
    assert sound["finding"] is None
    assert (spoilt["verdict"], spoilt["loss"], spoilt["more"]) == ("error", "NaN", 1)
    assert spoilt["finding"]["code"] == "lr-too-high"  # type: ignore[index]


def test_a_run_that_cannot_be_read_says_why(runs: Path) -> None:
    (runs / "broken").mkdir()
    (runs / "broken" / "run.db").write_bytes(b"no database" * 100)
    row = rows(runs)["broken"]
    assert row["status"] == "unreadable"
    assert "is not a run" in str(row["error"])


def test_only_what_changed_is_told_again(runs: Path) -> None:
    table = Table(Folder(runs), Judging())
    cursor, first, gone = table.changes()
    assert ({row["name"] for row in first}, gone) == ({"sound", "spoilt"}, [])
    table.forget()
    assert table.changes(cursor) == (cursor, [], [])
    record(runs, histories.healthy(20), name="later")
    (runs / "spoilt").rename(runs.parent / "elsewhere")
    table.forget()
    now, changed, gone = table.changes(cursor)
    assert ([row["name"] for row in changed], gone) == (["later"], ["spoilt"])
    assert table.changes(now) == (now, [], [])
    other = Table(Folder(runs), Judging())
    assert {row["name"] for row in other.changes(now)[1]} == {
        "later",
        "sound",
    }  # of a server started anew: all


def test_what_was_taken_away_and_put_back_is_told_again(runs: Path) -> None:
    table = Table(Folder(runs), Judging())
    cursor, _, _ = table.changes()
    table.forget(["sound"])  # between two looks: its files are as before
    assert [row["name"] for row in table.changes(cursor)[1]] == ["sound"]


def test_a_run_under_way_is_followed(runs: Path) -> None:
    table = Table(Folder(runs), Judging())
    writer = begin(runs, histories.healthy(30), name="growing")
    cursor, first, _ = table.changes()
    assert next(row for row in first if row["name"] == "growing")["status"] == "running"
    writer.finish("finished", exit_code=0)
    table.forget()
    _, changed, _ = table.changes(cursor)
    assert [(row["name"], row["status"], row["verdict"]) for row in changed] == [
        ("growing", "finished", "healthy")
    ]


def test_tags_and_a_note_stay(runs: Path) -> None:
    asked = client(runs)
    said = {"run": "sound", "tags": ["baseline", " baseline ", "", "lr 0.1"], "note": " warm <b>up</b> "}
    assert asked.post("/api/note", json=said, headers=PAGE).status_code == 200
    row = rows(runs)["sound"]
    assert (row["tags"], row["note"]) == (["baseline", "lr 0.1"], "warm <b>up</b>")
    for wrong in (
        {"tags": "x"},
        {"tags": [3]},
        {"tags": ["x" * 41]},
        {"tags": [], "note": 3},
        {"tags": [str(n) for n in range(30)]},
    ):
        assert asked.post("/api/note", json={"run": "sound", **wrong}, headers=PAGE).status_code == 400
    assert rows(runs)["sound"]["tags"] == ["baseline", "lr 0.1"]


def test_notes_that_nobody_wrote_are_none(runs: Path) -> None:
    for text in ("", "[", '{"tags": 3}', '{"tags": ["a"], "text": 4}', "[" * 100000, "\x00"):
        (runs / "sound" / "notes.json").write_text(text)
        assert read_notes(runs / "sound") == Notes()


def test_a_run_is_renamed_inside_and_out(runs: Path) -> None:
    asked = client(runs)
    assert asked.post("/api/rename", json={"run": "sound", "name": "after"}, headers=PAGE).json() == {
        "run": "after"
    }
    assert set(rows(runs)) == {"after", "spoilt"}
    with open_run(runs / "after") as reader:
        assert reader.run().name == "after"
    taken = asked.post("/api/rename", json={"run": "after", "name": "spoilt"}, headers=PAGE)
    assert (taken.status_code, "already" in taken.json()["error"]) == (400, True)


def test_deleting_is_undone(runs: Path) -> None:
    asked = client(runs)
    before = (runs / "sound" / "run.db").read_bytes()
    removed = asked.post("/api/delete", json={"run": "sound"}, headers=PAGE).json()["removed"]
    assert set(rows(runs)) == {"spoilt"}
    asked.post("/api/restore", json={"run": "sound", "removed": removed}, headers=PAGE)
    assert set(rows(runs)) == {"sound", "spoilt"}
    assert (runs / "sound" / "run.db").read_bytes() == before
    again = asked.post("/api/restore", json={"run": "sound", "removed": removed}, headers=PAGE)
    assert (again.status_code, again.json()) == (404, {"error": "sound was deleted for good."})


def test_a_deleted_run_does_not_come_back_over_another(runs: Path) -> None:
    asked = client(runs)
    removed = asked.post("/api/delete", json={"run": "sound"}, headers=PAGE).json()["removed"]
    record(runs, histories.healthy(20), name="sound")
    assert (
        asked.post("/api/restore", json={"run": "sound", "removed": removed}, headers=PAGE).status_code == 400
    )
    second = asked.post("/api/delete", json={"run": "sound"}, headers=PAGE).json()["removed"]
    assert second != removed


def test_a_run_under_way_is_neither_renamed_nor_deleted(runs: Path) -> None:
    writer = begin(runs, histories.healthy(30), name="growing")
    asked = client(runs)
    for what in ("rename", "delete"):
        answer = asked.post(f"/api/{what}", json={"run": "growing", "name": "x"}, headers=PAGE)
        assert (answer.status_code, answer.json()["error"]) == (
            400,
            "growing is still running: wait for its end.",
        )
    assert asked.post("/api/note", json={"run": "growing", "tags": ["x"]}, headers=PAGE).status_code == 200
    writer.finish("finished")


def test_a_damaged_run_can_be_deleted(runs: Path) -> None:
    with sqlite3.connect(runs / "sound" / "run.db") as connection:
        connection.execute("DROP TABLE step")
    connection.close()
    assert client(runs).post("/api/delete", json={"run": "sound"}, headers=PAGE).status_code == 200
    assert set(rows(runs)) == {"spoilt"}


def streamed(look: streams.Look, count: int, since: str = "", last: str | None = None) -> list[str]:
    """The first parts of a stream."""
    headers = [] if last is None else [(b"last-event-id", last.encode())]

    async def parts() -> list[str]:
        answer = streams.stream(Request({"type": "http", "headers": headers}), look, since)
        return [str(await anext(answer.body_iterator)) for _ in range(count)]

    return asyncio.run(parts())


def test_a_stream_goes_on_where_a_browser_left_it(runs: Path) -> None:
    table = Table(Folder(runs), Judging())
    cursor, _, _ = table.changes()
    record(runs, histories.healthy(20), name="later")
    table.forget()

    def look(at: str) -> tuple[str, dict[str, Any] | None]:
        now, rows, gone = table.changes(at)
        return now, {"names": [row["name"] for row in rows], "gone": gone}

    begin, event = streamed(look, 2, last=cursor)
    assert begin == "retry: 2000\n\n"
    kind, number, data = event.strip().split("\n")
    assert (kind, number) == ("event: news", f"id: {table.changes()[0]}")
    assert json.loads(data.removeprefix("data: ")) == {"names": ["later"], "gone": []}
    _, event = streamed(look, 2, since="", last=number.removeprefix("id: "))
    assert json.loads(event.strip().split("data: ")[1])["names"] == []
    _, event = streamed(look, 2, since=cursor)
    assert json.loads(event.strip().split("data: ")[1])["names"] == ["later"]


def test_a_silent_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "EVERY", 0.001)
    monkeypatch.setattr(streams, "HEARTBEAT", 0.003)
    looks: list[str] = []

    def look(at: str) -> tuple[str, None]:
        looks.append(at)
        return at, None

    assert streamed(look, 3)[1:] == [": still here\n\n"] * 2
    assert len(looks) >= 7  # nothing is sent at each look


def test_what_is_no_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    missing, file = tmp_path / "missing", tmp_path / "file"
    file.touch()
    for path in (missing, file):
        said = f"{path} is no folder: name one that holds runs, or make a run with `surefoot run SCRIPT`."
        with pytest.raises(StoreError, match=f"^{re.escape(said)}$"):
            view(str(path), no_browser=True)
    assert not missing.exists()


def test_a_run_that_goes_while_it_is_read_is_told(runs: Path) -> None:
    crashed(runs)
    with open_run(runs / "crashed") as reader:
        shutil.rmtree(runs / "crashed")
        with pytest.raises(StoreError):
            Judging().findings(reader)


def test_a_run_that_cannot_be_judged_keeps_no_other_waiting(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diagnose(path: Path) -> tuple[Finding, ...]:
        if path.name == "first":
            raise ZeroDivisionError
        return (histories.DEAD,)

    monkeypatch.setattr("surefoot.view.judging.diagnose", diagnose)
    judging = Judging()
    for name, found in (("first", ()), ("second", (histories.DEAD,))):
        with open_run(crashed(runs, name)) as reader:
            until = time.monotonic() + 60
            while (judged := judging.findings(reader)) is None and time.monotonic() < until:
                time.sleep(0.01)
            assert judged == found


def test_what_a_port_says() -> None:
    from surefoot.errors import SettingError
    from surefoot.view.server import listen

    mine = listen("127.0.0.1", 0)
    with mine.socket:
        port = mine.socket.getsockname()[1]
        assert (mine.address, mine.token) == (f"http://127.0.0.1:{port}/", None)
        with pytest.raises(SettingError, match=f"port {port} is in use: give another --port"):
            listen("127.0.0.1", port)
    with pytest.raises(SettingError, match="is no address of this machine"):
        listen("192.0.2.1", 0)  # kept for documentation: nobody's
    everywhere = listen("0.0.0.0", 0)
    with everywhere.socket:
        assert everywhere.token
        assert everywhere.address.endswith(f"/?token={everywhere.token}")
        assert socket.gethostname() in everywhere.address


def test_strings_that_no_encoding_has_are_sent(runs: Path) -> None:
    writer = begin(runs, histories.hostile(), (histories.hostile_finding(),), name="hostile")
    writer.finish("failed", error="\u2028 </script> \x1b[31m")
    text = client(runs).get("/api/run", params={"name": "hostile"}).text
    assert text.isascii()
    assert json.loads(text)["run"]["error"] == "\u2028 </script> \x1b[31m"


def test_a_comparison_says_what_the_command_says(runs: Path) -> None:
    page = client(runs).get("/api/compare", params={"run": ["spoilt", "sound"]}).json()
    found = compare(runs / "spoilt", runs / "sound")
    assert (page["said"], page["word"], page["labels"]) == (str(found), found.word, ["spoilt", "sound"])
    assert page["charts"][0]["id"] == "loss"
    assert {one["how"] for one in page["pairs"][0]["findings"]} <= {"gone", "new", "kept"}
    for asked, said in ((["sound"], "at least two runs"), (["sound"] * 21, "up to 20 runs")):
        answer = client(runs).get("/api/compare", params={"run": asked})
        assert (answer.status_code, said in answer.json()["error"]) == (400, True)
