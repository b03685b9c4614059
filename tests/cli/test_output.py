"""Where answers go: to a stdout that is full, closed, left early, ASCII; and options naming what cannot be written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from capture.twin import ENVIRONMENT, SUREFOOT
from surefoot.cli import main
from surefoot.cli.output import one_line
from surefoot.cli.printable import printable
from surefoot.records import Run
from surefoot.store.writer import RunWriter

from .answers import answer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run whose name is not ASCII, and a script that says when it runs."""
    writer = RunWriter(tmp_path / "surefoot-runs")
    writer.create(Run(path="", name="", script="a.py"), name="größe")
    writer.finish("finished", 0)
    (tmp_path / "train.py").write_text("print('ran')\n")
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _shell(folder: Path, line: str, **more: str) -> tuple[int, str, str]:
    """A line of bash, where $S is surefoot."""
    environment = {**ENVIRONMENT, "S": " ".join(SUREFOOT), **more}
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["show", "runs", "--help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_stdout(command: str, unbuffered: str, folder: Path) -> None:
    code, _, err = _shell(folder, f"$S {command} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("surefoot: ")
    assert "No space left on device" in err


def test_what_an_encoding_lacks_is_spelled_out(folder: Path) -> None:
    code, out, err = _shell(folder, "$S show größe && $S runs && $S run --help", PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert r"gr\xf6\xdfe" in out
    # A script's own stdout stays as strict as it is.
    (folder / "train.py").write_text("print('größe')\n")
    code, out, err = _shell(folder, "$S run --quiet train.py", PYTHONIOENCODING="ascii")
    assert (code, out) == (1, "")
    assert err.endswith("ordinal not in range(128)\n")


def test_a_reader_that_has_gone(folder: Path) -> None:
    code, _, err = _shell(
        folder, 'set -o pipefail; for _ in 1 2 3; do $S explain; done | true; exit "${PIPESTATUS[0]}"'
    )
    assert (code, err) == (141, "")


def test_closed_streams(folder: Path) -> None:
    assert _shell(folder, "$S show >&-") == (0, "", "")
    assert _shell(folder, "$S show absent 2>&-") == (2, "", "")
    assert _shell(folder, "$S run train.py <&- 2>&-") == (0, "ran\n", "")


def test_a_deleted_working_folder(folder: Path) -> None:
    gone = f'mkdir gone; cd gone; rmdir "{folder}/gone"; '
    assert _shell(folder, f'{gone} $S run --quiet "{folder}/train.py"') == (0, "ran\n", "")
    for command in ("run train.py", "run -m train", "show", "report -o a.html"):
        code, out, err = _shell(folder, gone + f"$S {command}")
        assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "options",
    [
        ["--name", "last"], ["--name", "a/b"], ["--name", ""], ["--name", "x" * 300], ["--name", "日" * 100],
        ["--name", "a\x1b"], ["--runs", "file"], ["--runs", "file/below"], ["--runs", ""], ["--runs", "y" * 300],
        ["--report", "absent/a.html"], ["--report", "."], ["--json", "file/a.json"], ["--autoclip", "nan"],
        ["--max-norm", "nan"], ["--max-norm", "inf"], ["--max-norm", "0"], ["--ignore", "absent"], ["--steps", "0"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "check"])
def test_options_are_checked_before_anything_runs(command: str, options: list[str], folder: Path) -> None:
    code, out, err = answer([command, *options, "train.py"])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("surefoot: ")


def test_a_run_with_a_long_name_is_not_there(folder: Path) -> None:
    for command in ("show", "doctor", "report", "landscape", "animate"):
        code, out, err = answer([command, "x" * 300])
        assert (code, out, err.count("\n")) == (2, "", 1)


def test_every_answer_passes_through_one_place() -> None:
    """Where what a terminal would obey is spelled out."""
    for file in Path(main.__file__).parent.glob("*.py"):
        assert not re.search(r"(?<![\w.])print\(", file.read_text(encoding="utf-8")), file.name


def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    assert printable("é\t[red]\n") == "é\t[red]\n"
    assert (
        printable("\x1b[31m\x00\x7f\x9b\u202e\u2028\ud800\r") == r"\x1b[31m\x00\x7f\x9b\u202e\u2028\ud800\r"
    )
    assert one_line("two\n lines") == "two lines"
