"""Fixes of small scripts tried, each training in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.errors import SettingError
from surefoot.search.server import FORKS

pytestmark = pytest.mark.skipif(not FORKS, reason="a process each takes too long without fork")

SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.randn(96, 6)
y = (x @ torch.randn(6, 3)).argmax(1)
model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
for step in range(60):
    model.train()
    {clear}
    nn.functional.cross_entropy(model(x[:64]), y[:64]).backward()
    optimizer.step()
    {write}
"""


def _script(folder: Path, clear: str = "pass", write: str = "pass") -> Path:
    path = folder / "train.py"
    path.write_text(SCRIPT.format(clear=clear, write=write), encoding="utf-8")
    return path


def test_a_fix_that_helps_is_told_with_what_it_did(tmp_path: Path) -> None:
    script = _script(tmp_path)
    before = script.read_bytes()
    found = sf.try_fixes(script, steps=40, runs=tmp_path / "runs")
    assert script.read_bytes() == before
    best = found.best
    assert best is not None
    assert best.fixes[0].remedy == "clear-gradients"
    assert "missing-zero-grad" in best.gone
    assert best.losses.end is not None
    assert found.losses.end is not None
    assert best.losses.end < found.losses.end
    lines = str(found).splitlines()
    assert lines[0].startswith("surefoot: error (")
    assert lines[1].startswith("  as it is ")
    assert lines[2].startswith("  clear the gradients each step ")
    assert json.loads(json.dumps(found.summary()))["together"][0]["word"] == "helps"


def test_nothing_is_tried_of_a_sound_script_and_one_sentence_says_so(tmp_path: Path) -> None:
    script = _script(tmp_path, clear="optimizer.zero_grad()")
    script.write_text(script.read_text().replace("lr=0.3, momentum=0.9", "lr=0.1"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "surefoot", "try", "--quiet", "--steps", "40", "train.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "surefoot: healthy; nothing was found in 40 steps, so nothing was tried\n"


def test_a_script_that_writes_files_runs_once_unless_it_may_or_is_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write = "open('log.txt', 'a').write('x') if step == 0 else None; torch.save(step, 'last.pt')"
    script = _script(tmp_path, write=write)
    with pytest.raises(SettingError, match=r"writes log\.txt, last\.pt, .* --yes .* --isolated"):
        sf.try_fixes(script, steps=20)
    assert (tmp_path / "log.txt").read_text() == "x"
    found = sf.try_fixes(script, steps=20, isolated=True)
    assert found.best is not None
    assert (tmp_path / "log.txt").read_text() == "x"
