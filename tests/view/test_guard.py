"""Each attack on the page, tried."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from report import histories
from surefoot.store.groups import runs_in

from .recorded import record

pytest.importorskip("starlette", reason="needs surefoot[view]")
from starlette.testclient import TestClient

from surefoot.view.app import application
from surefoot.view.folder import Folder
from surefoot.view.guard import LONGEST_BODY

OWN = "http://127.0.0.1:6007"
PAGE = {"origin": OWN, "content-type": "application/json"}
READ = ("/", "/run", "/static/runs.js", "/api/runs", "/api/run?name=kept", "/api/run/details?name=kept")
CHANGES = ("rename", "note", "delete", "restore")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    record(folder / "runs", histories.healthy(20), name="kept")
    record(folder / "outside", histories.healthy(20), name="secret")
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "runs"


def client(runs: Path, token: str | None = None, base: str = OWN) -> TestClient:
    return TestClient(application(Folder(runs), token), base_url=base, follow_redirects=False)


def names(runs: Path) -> list[str]:
    return sorted(path.name for path in runs.iterdir())


def test_every_answer_forbids_what_a_page_does_not_need(runs: Path) -> None:
    asked = client(runs)
    for path in (*READ, "/nowhere"):
        answer = asked.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers


FOREIGN = ("evil.example", "evil.example:6007", "127.0.0.1.evil.example", "192.168.0.9", "", "[", "a@b")


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_is_refused(runs: Path, host: str) -> None:
    asked = client(runs)
    for path in READ:
        answer = asked.get(path, headers={"host": host})
        assert answer.status_code == 403
        assert "kept" not in answer.text
        assert answer.headers["content-security-policy"]


def test_names_of_this_machine_are_answered(runs: Path) -> None:
    for host in ("127.0.0.1:6007", "localhost:9999", "[::1]:6007", "127.0.0.1"):
        assert client(runs).get("/api/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost:6007", "http://["]
)
def test_another_site_reads_nothing(runs: Path, origin: str) -> None:
    asked = client(runs)
    for path in READ:
        assert asked.get(path, headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({**PAGE, "origin": "http://evil.example"}, 403),
        ({**PAGE, "origin": "null"}, 403),
        ({"content-type": "application/json"}, 403),
        ({**PAGE, "sec-fetch-site": "cross-site"}, 403),
        ({**PAGE, "sec-fetch-site": "same-site"}, 403),
        ({**PAGE, "content-type": "text/plain"}, 415),
        ({**PAGE, "content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_only_the_page_itself_changes_anything(runs: Path, headers: dict[str, str], status: int) -> None:
    said = json.dumps({"run": "kept", "name": "other", "tags": [], "note": "x"})
    asked = client(runs)
    for what in CHANGES:
        assert asked.post(f"/api/{what}", content=said, headers=headers).status_code == status
    assert names(runs) == ["kept"]
    assert names(runs / "kept") == ["run.db"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_reading_changes_nothing(runs: Path, method: str) -> None:
    asked = client(runs)
    for what in CHANGES:
        answer = asked.request(method, f"/api/{what}?run=kept&name=other", headers={"origin": OWN})
        assert answer.status_code in (403, 405, 413, 415)
    assert names(runs) == ["kept"]


def test_what_is_too_long_is_not_read(runs: Path) -> None:
    answer = client(runs).post("/api/note", content="x" * (LONGEST_BODY + 1), headers=PAGE)
    assert answer.status_code == 413

    def without_length() -> Any:
        yield b'{"run": "kept"}'

    assert client(runs).post("/api/note", content=without_length(), headers=PAGE).status_code == 413


OUTSIDE = (
    "../outside/secret", "..", ".", "", "/", "kept/..", "kept/../../outside/secret", "/etc", "kept/", "//kept",
    "..%2foutside", "..\\outside",
    "kept\x00", "\ud800", "x" * 5000, "kept/run.db", "linked", "linked/secret", "file", ".removed/kept",
)  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_leads_out(runs: Path, name: str) -> None:
    (runs / "linked").symlink_to(runs.parent / "outside" / "secret", target_is_directory=True)
    (runs / "file").mkdir()
    (runs / "file" / "run.db").symlink_to(runs.parent / "outside" / "secret" / "run.db")
    before = (runs.parent / "outside" / "secret" / "run.db").read_bytes()
    with_name = {"run": name, "name": "other", "removed": name, "tags": [], "note": "x"}
    asked = client(runs)
    if name.isascii() or name.isprintable():
        assert asked.get("/api/compare", params={"run": ["kept", name]}).status_code == 404
        for part in ("", "/details", "/layers", "/script", "/stretch", "/events"):
            assert asked.get(f"/api/run{part}", params={"name": name}).status_code == 404
    for what in CHANGES:
        answer = asked.post(f"/api/{what}", content=json.dumps(with_name), headers=PAGE)
        assert answer.status_code in (400, 404), (what, answer.text)
        assert set(answer.json()) == {"error"}
    assert names(runs) == ["file", "kept", "linked"]
    assert names(runs.parent / "outside" / "secret") == ["run.db"]
    assert (runs.parent / "outside" / "secret" / "run.db").read_bytes() == before
    assert [row["name"] for row in asked.get("/api/runs").json()["rows"]] == ["kept"]


@pytest.mark.parametrize("link", ["processes", "processes/rank-0", "processes/rank-0/run.db"])
def test_no_link_among_processes_leads_out(runs: Path, link: str) -> None:
    outside = runs.parent / "outside"
    led = {"processes": outside, "rank-0": outside / "secret", "run.db": outside / "secret" / "run.db"}
    place = runs / "kept" / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(led[place.name])
    assert runs_in(runs / "kept") == []


@pytest.mark.parametrize(
    "name", ["../secret", "a/b", "", ".", "..", ".hidden", "last", "x" * 200, "a\nb", None, 3, ["a"]]
)
def test_a_run_is_not_moved_elsewhere(runs: Path, name: object) -> None:
    answer = client(runs).post("/api/rename", json={"run": "kept", "name": name}, headers=PAGE)
    assert answer.status_code == 400
    assert names(runs) == ["kept"]


def test_only_the_pages_own_files_are_there(runs: Path) -> None:
    asked = client(runs)
    above = ("../guard.py", "..%2fguard.py", "%2e%2e/guard.py", "runs.html", "", "uplot/LICENSE")
    for path in (*(f"/static/{name}" for name in above), "/etc/passwd", "/api/", "/api/runs/../../x"):
        assert asked.get(path).status_code == 404


def test_another_address_needs_the_token(runs: Path) -> None:
    base = "http://trainer.example:6007"
    asked = client(runs, "secret-token", base)
    for path in READ:
        assert asked.get(path).status_code == 403
        assert asked.get(path, params={"token": "wrong"}).status_code == 403
    assert asked.post("/api/delete", json={"run": "kept"}, headers={"origin": base}).status_code == 403
    assert (
        asked.post(
            "/api/delete?token=secret-token", json={"run": "kept"}, headers={"origin": base}
        ).status_code
        == 403
    )
    opened = asked.get("/?token=secret-token")
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert asked.get("/api/runs").json()["rows"][0]["name"] == "kept"
    assert asked.get("/api/runs", headers={"origin": "http://evil.example"}).status_code == 403
    assert names(runs) == ["kept"]


def test_the_token_leads_to_this_server_alone(runs: Path) -> None:
    asked = client(runs, "secret-token", "http://trainer.example:6007")
    for path in ("//evil.example", "///evil.example", "/\\evil.example"):
        opened = asked.get(f"http://trainer.example:6007{path}?token=secret-token")
        assert (opened.status_code, opened.headers["location"]) == (303, "/evil.example")


@pytest.mark.parametrize("host", ["[", "trainer.example:x", "trainer.example:99999", ""])
def test_a_host_that_is_none_is_refused(runs: Path, host: str) -> None:
    asked = client(runs, "secret-token", "http://trainer.example:6007")
    for path in READ:
        assert asked.get(path, headers={"host": host}).status_code == 403


def test_what_is_no_request_is_refused_in_a_sentence(runs: Path) -> None:
    asked = client(runs)
    for body in ("", "[", "[]", "3", "null", '"x"', "{}", '{"run": 3}', "[" * 20000):
        for what in CHANGES:
            answer = asked.post(f"/api/{what}", content=body, headers=PAGE)
            assert answer.status_code == 400
            assert answer.json()["error"].endswith(".")
