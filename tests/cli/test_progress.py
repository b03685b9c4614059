"""The progress line: there on a terminal of any size, nowhere else, and never in the script's way."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from capture.twin import ENVIRONMENT, SUREFOOT, process

pexpect = pytest.importorskip("pexpect")

SCRIPT = """
import sys, time
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
sys.stderr.write("\\n")
print("the end", flush=True)
"""
SCROLLING = re.compile(r"\x1b\[1;\d+r")
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[78])")


def on_terminal(folder: Path, rows: int, columns: int, *options: str, term: str = "xterm") -> tuple[str, int]:
    """What a terminal of that size gets, and the exit code."""
    (folder / "train.py").write_text(SCRIPT)
    child = pexpect.spawn(
        SUREFOOT[0],
        [*SUREFOOT[1:], "run", *options, "train.py"],
        cwd=str(folder),
        env={**ENVIRONMENT, "TERM": term},
        dimensions=(rows, columns),
        encoding="utf-8",
        timeout=120,
    )
    output = child.read()
    child.close()
    return output, child.exitstatus


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (0, 0), (2, 30)])
def test_on_a_terminal(rows: int, columns: int, tmp_path: Path) -> None:
    output, code = on_terminal(tmp_path, rows, columns)
    assert code == 0
    assert re.search(r"step [\d,]+  loss 0?[\d.e+-]+", output)
    if columns >= 80:
        assert re.search(r"grad [\d.e+-]+  lr 0\.001", output)
    # The line lives below a scrolling region, which is given back; without a known height there is none.
    assert bool(SCROLLING.search(output)) == (rows >= 3)
    if rows >= 3:
        assert output.rindex("\x1b[r") > output.rindex(SCROLLING.findall(output)[-1])
    text = ESCAPES.sub("", output)
    for step in range(100, 601, 100):
        assert f"line {step}\r\n" in text
    assert "600/600 like a bar" in text
    assert text.index("the end") < text.index("healthy")
    drawn = [line for line in re.split(r"[\r\n]|\x1b[78]", output) if "surefoot  step" in line]
    width = max(len(ESCAPES.sub("", line).rstrip()) for line in drawn)
    assert width <= max(20, columns or 80) + 1


@pytest.mark.parametrize(("options", "term"), [(("--quiet",), "xterm"), ((), "dumb")])
def test_silent_terminals(options: tuple[str, ...], term: str, tmp_path: Path) -> None:
    output, code = on_terminal(tmp_path, 24, 80, *options, term=term)
    assert code == 0
    assert "surefoot  step" not in output
    assert not SCROLLING.search(output)
    assert ("healthy" in output) == (options == ())


def test_no_progress_where_stderr_is_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    plain = process([sys.executable, "train.py"], tmp_path)
    ended = process([*SUREFOOT, "run", "train.py"], tmp_path)
    assert ended.stdout == plain.stdout
    assert ended.said.startswith(plain.said)
    assert "\x1b" not in ended.said
    assert "surefoot  step" not in ended.said
