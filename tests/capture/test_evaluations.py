"""Scripts that evaluate in many ways: the validation loss is the number that the script itself printed, or none.

Each is run whole and unchanged. The lines "val …" that it prints are what its author calls the validation loss.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import surefoot as sf
from surefoot.facts import Defect
from surefoot.records import History

FOLDER = Path(__file__).with_name("evaluations")
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


def run_script(path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> tuple[History, str]:
    """Run a script under observation, in this process; what was recorded and what it printed."""
    capsys.readouterr()
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    with sf.watch(runs=runs) as run:
        exec(code, {"__name__": "__main__", "__file__": str(path)})
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history, capsys.readouterr().out


def printed(output: str, name: str) -> list[float]:
    return [float(number) for number in re.findall(rf"^{name} (\S+)$", output, re.MULTILINE)]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_validation_loss_is_what_was_printed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history, output = run_script(FOLDER / f"{name}.py", tmp_path, capsys)
    expected = printed(output, "val")
    np.testing.assert_allclose(history.metric("val_loss").values, expected, rtol=1e-4)
