"""Progress on a terminal: there on one of any size, nowhere else, never in the script's way, and nothing left of it."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from capture.twin import ENVIRONMENT, SUREFOOT, process
from surefoot.cli import progress
from surefoot.cli.progress import ProgressLine

pexpect = pytest.importorskip("pexpect")
pyte = pytest.importorskip("pyte")

SCRIPT = """
import os, signal, sys, time
import torch
weight = torch.zeros(50, requires_grad=True)
optimizer = torch.optim.SGD([weight], 0.001)
for step in range(1, 601):
    optimizer.zero_grad()
    ((weight - 1) ** 2).mean().backward()
    optimizer.step()
    time.sleep(0.001)
    if step % 100 == 0:
        print("line", step, flush=True)
    sys.stderr.write(f"\\r{step}/600 like a bar")
    sys.stderr.flush()
    if step == 500:
        ENDING
sys.stderr.write("\\n")
print("the end", flush=True)
"""
ENDINGS = {
    "end": "pass",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "stop": "os.kill(os.getpid(), signal.SIGSTOP)",
}
# What the title may do, and the colours of the verdict; neither moves the cursor.
HARMLESS = re.compile(r"\x1b\]2;[^\x07]*\x07|\x1b\[2[23];2t|\x1b\[[0-9;]*m")


def spawn(
    folder: Path, rows: int, columns: int, *options: str, term: str = "xterm", ending: str = "end"
) -> Any:
    """The script on a terminal of that size."""
    (folder / "train.py").write_text(SCRIPT.replace("ENDING", ENDINGS[ending]))
    return pexpect.spawn(
        SUREFOOT[0],
        [*SUREFOOT[1:], "run", *options, "train.py"],
        cwd=str(folder),
        env={key: value for key, value in ENVIRONMENT.items() if key != "COLUMNS"} | {"TERM": term},
        dimensions=(rows, columns),
        encoding="utf-8",
        timeout=120,
    )


def on_terminal(folder: Path, rows: int, columns: int, *options: str, **more: str) -> tuple[str, int | None]:
    """What a terminal of that size gets, and the exit code."""
    child = spawn(folder, rows, columns, *options, **more)
    output = child.read()
    child.close()
    return output, child.exitstatus


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (0, 0), (2, 30)])
def test_on_a_terminal(rows: int, columns: int, tmp_path: Path) -> None:
    output, code = on_terminal(tmp_path, rows, columns)
    assert code == 0
    assert re.search(r"\x1b\]2;surefoot  step [\d,]+  loss 0?[\d.e+-]+  grad [\d.e+-]+  lr 0\.001", output)
    assert output.count("\x1b[22;2t") == output.count("\x1b[23;2t") == 1  # the title from before comes back
    assert output.rindex("\x1b[23;2t") > output.rindex("\x1b]2;")
    text = HARMLESS.sub("", output)
    assert "\x1b" not in text
    for step in range(100, 601, 100):
        assert f"line {step}\r\n" in text
    assert "600/600 like a bar" in text
    assert text.index("the end") < text.index("healthy")


@pytest.mark.parametrize("ending", ["kill", "stop"])
def test_a_process_that_ends_at_once_leaves_the_terminal_whole(ending: str, tmp_path: Path) -> None:
    """Afterwards the screen scrolls as a whole, and no row is dead."""
    screen = pyte.Screen(60, 10)
    stream = pyte.Stream(screen)
    child = spawn(tmp_path, 10, 60, ending=ending)
    if ending == "stop":
        child.expect("500/600")
        output = child.before + child.after
        os.kill(child.pid, signal.SIGCONT)
        output += child.read()
        child.close()
        assert child.exitstatus == 0
    else:
        output = child.read()
        child.close()
        assert child.signalstatus == signal.SIGKILL
    stream.feed(output)
    assert screen.margins is None
    stream.feed("\r\n" + "".join(f"shell {number}\r\n" for number in range(30)))
    assert [line.rstrip() for line in screen.display] == [
        *(f"shell {number}" for number in range(21, 30)),
        "",
    ]


@pytest.mark.parametrize(("options", "term"), [(("--quiet",), "xterm"), ((), "dumb")])
def test_silent_terminals(options: tuple[str, ...], term: str, tmp_path: Path) -> None:
    output, code = on_terminal(tmp_path, 24, 80, *options, term=term)
    assert code == 0
    assert "surefoot  step" not in output
    assert ("healthy" in output) == (options == ())


def test_no_progress_where_stderr_is_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT.replace("ENDING", "pass"))
    plain = process([sys.executable, "train.py"], tmp_path)
    ended = process([*SUREFOOT, "run", "train.py"], tmp_path)
    assert ended.stdout == plain.stdout
    assert ended.said.startswith(plain.said)
    assert "\x1b" not in ended.said
    assert "surefoot  step" not in ended.said


class _Terminal(io.StringIO):
    """Draws on a screen of 40 columns and 8 rows."""

    def __init__(self) -> None:
        super().__init__()
        self.screen = pyte.Screen(40, 8)
        self._stream = pyte.Stream(self.screen)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._stream.feed(text.replace("\n", "\r\n"))
        return len(text)

    @property
    def rows(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display if line.strip()]


def _observation(steps: int) -> Any:
    numbers = SimpleNamespace(loss=0.5, val_loss=None, grad_norm=None, clip_rate=None, lr=None)
    clock = SimpleNamespace(rate=lambda: float("nan"))
    training = SimpleNamespace(schedule=SimpleNamespace(clock=clock))
    return SimpleNamespace(steps=steps, latest=numbers, observer=SimpleNamespace(training=training))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_columns", lambda stream: 40)
    return _Terminal()


def test_lines_come_ever_more_rarely(terminal: _Terminal) -> None:
    now = [0.0]
    line = ProgressLine(terminal, clock=lambda: now[0])
    for second in range(100):
        now[0] = float(second)
        line.draw(_observation(second))
    assert terminal.rows == [f"surefoot  step {step}  loss 0.5  no finding" for step in (10, 30, 70)]
    assert terminal.screen.title == "surefoot  step 99  loss 0.5  no findings"
    line.erase()
    assert terminal.screen.title == ""


@pytest.mark.parametrize("begun", ["", "Loading… ", "x" * 39, "x" * 40, "50%|#####     | 5/10"])
def test_a_line_takes_nothing_from_what_the_script_has_begun(begun: str, terminal: _Terminal) -> None:
    terminal.write(f"before\n{begun}")
    ProgressLine(terminal).line("surefoot: warning")
    terminal.write("after\n")
    assert terminal.rows == ["before", *([begun.rstrip()] if begun else []), "surefoot: warning", "after"]


def test_nothing_is_drawn_over_a_full_screen_program(tmp_path: Path) -> None:
    """One that takes the terminal's keys for itself, as editors, pagers and password prompts do."""
    pty, termios, tty = (pytest.importorskip(name) for name in ("pty", "termios", "tty"))
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with os.fdopen(slave, "w") as stream:
        tty.setraw(slave)
        ProgressLine(stream).draw(_observation(5))
        termios.tcsetattr(slave, termios.TCSANOW, before)
        os.set_blocking(master, False)
        with pytest.raises(BlockingIOError):
            os.read(master, 100)
    os.close(master)
