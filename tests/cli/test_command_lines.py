"""Odd command lines: an answer, or one sentence and exit code 2; never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from capture.asmain import restored

from .answers import FORBIDDEN, answer
from .command_lines import command_line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where they are tried."""
    (tmp_path / "plain.py").write_text("answer = 42\n")
    (tmp_path / "fails-to-parse.py").write_text("answer = = 42\n")
    (tmp_path / "text.txt").write_text("no script\n")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda *arguments, **options: False)
    with restored():
        yield tmp_path


@pytest.mark.parametrize("group", range(6))
def test_an_answer_or_one_sentence(group: int, folder: Path) -> None:
    for seed in range(group * 40, (group + 1) * 40):
        words = command_line(seed)
        with restored():
            code, out, err = answer(words)
        assert code in (0, 1, 2), (seed, words, code)
        assert not FORBIDDEN.search(out + err), (seed, words, err)
        if code == 2:
            assert err.startswith("surefoot: "), (seed, words, err)
            assert err.count("\n") == 1, (seed, words, err)
