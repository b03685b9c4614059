"""What a stranger reads first: help, near names, completion."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from surefoot.cli.completion import finding_codes, recipe_names, run_names
from surefoot.cli.main import app

from .answers import answer

GROUP: Any = typer.main.get_command(app)


def test_every_command_has_its_whole_sentence() -> None:
    code, out, _ = answer(["--help"])
    assert code == 0
    assert "…" not in out
    assert "..." not in out.partition("\n")[2]
    said = " ".join(out.split())
    for name, command in GROUP.commands.items():
        sentence = " ".join(command.help.split())
        assert sentence[-1] in ".?"
        assert f"{name} {sentence}" in said
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", GROUP.commands)
def test_help_names_what_an_option_takes(name: str) -> None:
    code, out, _ = answer([name, "--help"])
    assert code == 0
    assert not re.search(r"<\w|\bTEXT\b|\bINTEGER\b|\bFLOAT\b|\[\[", out), out
    assert all(parameter.help for parameter in GROUP.commands[name].params)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["runn"],
            "surefoot: there is no command 'runn': did you mean run or runs? surefoot --help lists them.\n",
        ),
        (["xyz"], "surefoot: there is no command 'xyz': surefoot --help lists them.\n"),
    ],
)
def test_a_command_that_there_is_not(words: list[str], sentence: str) -> None:
    assert answer(words) == (2, "", sentence)


@pytest.mark.parametrize("command", ["run", "check", "landscape", "backprop"])
def test_a_notebook_is_named_as_one(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training.ipynb").write_text('{"cells": []}')
    code, out, err = answer([command, "training.ipynb"])
    assert (code, out) == (2, "")
    assert err.startswith("surefoot: training.ipynb is a notebook")
    assert "jupyter nbconvert --to script training.ipynb" in err


def test_what_a_shell_completes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_names("l") == ["last"]
    (tmp_path / "surefoot-runs" / "digits-1").mkdir(parents=True)
    (tmp_path / "surefoot-runs" / "digits-1" / "run.db").write_text("not empty")
    (tmp_path / "mine.toml").touch()
    assert run_names("") == ["last", "digits-1"]
    assert "missing-zero-grad" in finding_codes("missing")
    assert recipe_names("line-m") == ["line-mse"]
    assert recipe_names("mi") == ["mine.toml"]


def test_completion_is_told_to_a_shell(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: Callable[..., Any]
) -> None:
    monkeypatch.setenv("_SUREFOOT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "surefoot explain missing-z")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit):
        command()
    assert capfd.readouterr().out.split() == ["missing-zero-grad"]
