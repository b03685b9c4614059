"""The edit of the fixes that help, printed and written by `surefoot try`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from experiment.test_engine import _script
from surefoot.experiment.edits import edit_of
from surefoot.experiment.records import Attempt, Losses, TriedFixes
from surefoot.records import Finding, Verdict
from surefoot.remedies.base import Proposal
from surefoot.search.server import FORKS

SOURCE = "opt = SGD(p, lr=1.0)\nfor x in data:\n    f(x).backward()\n    opt.step()\n"
FIXES = (
    Proposal("clear-gradients", "clear", "missing-zero-grad", "train.py:4: opt.step()"),
    Proposal("lower-rate", "rate 1 -> 0.1", "loss-spike", None, {"factor": 0.1}),
    Proposal("autoclip", "AutoClip", "loss-spike"),
)


def test_the_fixes_that_help_become_one_edit_and_the_others_are_named() -> None:
    verdict = Verdict("error", "whole", 40, "error")
    findings = (Finding("missing-zero-grad", "error", "", "", where="train.py:4: opt.step()"),)
    best = Attempt(FIXES, Losses(), "helps")
    made, left = edit_of(TriedFixes("train.py", verdict, findings, 40, together=(best,)), SOURCE, "train.py")
    assert made is not None
    assert made.source == SOURCE.replace("1.0", "0.1").replace("    f(x)", "    opt.zero_grad()\n    f(x)")
    assert left == [FIXES[2]]
    assert edit_of(TriedFixes("train.py", verdict, findings, 40), SOURCE, "train.py") == (None, [])


@pytest.mark.skipif(not FORKS, reason="a process each takes too long without fork")
def test_the_edit_is_printed_and_written_and_the_old_script_kept(tmp_path: Path) -> None:
    script = _script(tmp_path)
    before = script.read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "surefoot", "try", "--quiet", "--diff", "--write", "--steps", "40", "train.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("--- train.py\n+++ train.py\n@@ "), done.stdout
    assert "\n+    optimizer.zero_grad()\n" in done.stdout
    assert (tmp_path / "train.py.orig").read_text(encoding="utf-8") == before
    assert "    optimizer.zero_grad()\n" in script.read_text(encoding="utf-8")
    assert "the old one is train.py.orig" in done.stderr
