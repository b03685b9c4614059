"""`surefoot run --on-finding`: the script stopped, or somebody told, at the first error; never a training harmed."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.twin import SUREFOOT, Ended, process
from surefoot.cli.on_finding import OnFinding, check_actions
from surefoot.errors import SettingError
from surefoot.records import Finding
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run

# It has itself judged after so many steps, as the thread beside it does from time to time.
TRAIN = """
import torch
from torch import nn
torch.manual_seed(0)
inputs = torch.randn(64, 8)
labels = (inputs[:, 0] > 0).long()
model = nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for step in range({steps}):
    {clear}
    nn.functional.cross_entropy(model(inputs), labels).backward()
    {step}
    if step == {judged}:
        from surefoot.capture.observation import current
        current().recorder.flush(facts=True)
        current()._monitor._judge()
print("to the end")
"""
CLEAR, STEP = "optimizer.zero_grad()", "optimizer.step()"
TELL = "import os, sys; open('told', 'w').write(sys.stdin.read()); print('heard', os.environ['SUREFOOT_FINDING'])"


def run(
    folder: Path, *actions: str, clear: str = "pass", step: str = STEP, judged: int = -1, steps: int = 60
) -> Ended:
    (folder / "train.py").write_text(TRAIN.format(clear=clear, step=step, judged=judged, steps=steps))
    options = [word for action in actions for word in ("--on-finding", action)]
    return process([*SUREFOOT, "run", "--name", "it", *options, "train.py"], folder)


@pytest.mark.parametrize("fault", [{}, {"clear": CLEAR, "step": "pass"}], ids=["no clearing", "no step"])
def test_stop(tmp_path: Path, fault: dict[str, str]) -> None:
    done = run(tmp_path, "stop", judged=1100, steps=1200, **fault)
    assert (done.code, done.stdout) == (3, b""), done.said
    assert "Traceback" not in done.said
    with open_run(find_run(tmp_path / "surefoot-runs", "it")) as reader:
        recorded = reader.run()
    assert (recorded.status, recorded.exit_code) == ("stopped", 3)
    assert max(recorded.steps, recorded.backwards) < 1200


def test_a_sound_training_is_not_stopped(tmp_path: Path) -> None:
    done = run(tmp_path, "stop", f'{sys.executable} -c "{TELL}"', clear=CLEAR, judged=49)
    assert (done.code, done.stdout) == (0, b"to the end\n")
    assert not (tmp_path / "told").exists()


def test_what_is_found_at_the_end_stops_nothing_and_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "stop", f'{sys.executable} -c "{TELL}"', "exit 7")
    assert (done.code, done.stdout) == (0, b"to the end\n")
    assert "heard missing-zero-grad" in done.said
    assert "surefoot: --on-finding exit 7 failed: exit code 7.\n" in done.said
    told = json.loads((tmp_path / "told").read_text())
    assert told["finding"]["code"] == "missing-zero-grad"
    assert told["finding"]["severity"] == "error"
    assert (told["name"], told["steps"], told["schema"]) == ("it", 60, 1)


class _Server(http.server.BaseHTTPRequestHandler):
    heard: list[tuple[str | None, bytes]]
    answer = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((self.headers["Content-Type"], body))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[_Server]]]:
    """A web server's address and its handler."""
    handler = type("Handler", (_Server,), {"heard": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/hook", handler
        running.shutdown()
        thread.join()


def test_a_web_server_is_told(server: tuple[str, type[_Server]]) -> None:
    address, handler = server
    told = OnFinding([address], pytest.fail, pytest.fail)
    told.told(
        [Finding("c", "error", "It fails.", "Mend it.", evidence={"x": float("nan")})], None, notify=True
    )
    told.wait()
    [(kind, body)] = handler.heard
    assert kind == "application/json"
    assert json.loads(body)["finding"]["code"] == "c"
    assert json.loads(body)["finding"]["evidence"] == {"x": "NaN"}


def test_a_web_server_that_refuses_costs_a_sentence(server: tuple[str, type[_Server]]) -> None:
    address, handler = server
    handler.answer = 503
    said: list[str] = []
    told = OnFinding([address], pytest.fail, said.append)
    finding = Finding("c", "error", "It fails.", "Mend it.")
    for _ in range(3):
        told.told([Finding("w", "warning", "", ""), finding], None, notify=True)
    told.wait()
    assert len(handler.heard) == 1
    assert said == [f"--on-finding {address} failed: the server answered 503 Service Unavailable."]


def test_no_server_costs_a_sentence() -> None:
    said: list[str] = []
    told = OnFinding(["http://127.0.0.1:1/"], pytest.fail, said.append)
    told.told([Finding("c", "error", "", "")], None, notify=True)
    told.wait()
    assert len(said) == 1
    assert said[0].startswith("--on-finding http://127.0.0.1:1/ failed: ")


def test_a_warning_is_no_error() -> None:
    told = OnFinding(["stop"], pytest.fail, pytest.fail)
    told.told([Finding("w", "warning", "", "")], None, notify=True)
    assert told.stops is None


@pytest.mark.parametrize("action", ["", " ", "ftp://x/y", "https://"])
def test_what_is_no_action(action: str) -> None:
    with pytest.raises(SettingError, match="--on-finding"):
        check_actions([action])
