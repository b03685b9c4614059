"""Every code block of README and docs runs: Python page by page, lines of the program through its own parser.

A block that cannot run here has `<!-- not run: why -->` above it.
"""

from __future__ import annotations

import inspect
import re
import shlex
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import surefoot
from surefoot.cli import main
from surefoot.recipes import catalogue, loading
from surefoot.recipes.separation.settings import Settings
from surefoot.rules import all_rules

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(
    r"(?:<!-- (?P<why>not run: [^\n]+?) -->\n)?^(?P<indent> *)```(?P<language>[\w-]*)\n(?P<text>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`(surefoot [a-z-]+ [^`\n…<]*)`")  # a name alone is a mention
# Programs that pages name beside surefoot and that every reader has or is told to install.
_OTHERS = {"apt-get", "cd", "git", "make", "pip", "python", "sqlite3"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    path: Path
    line: int
    language: str
    text: str
    why_not: str | None

    def commands(self) -> list[str]:
        """Command lines: after a $; in blocks without a language or of a shell also those that name surefoot."""
        if self.language not in ("", "bash", "console", "sh", "shell"):
            return []
        lines = [line.strip() for line in self.text.splitlines()]
        asked = [line[2:] for line in lines if line.startswith("$ ")]
        return asked or [line for line in lines if line.startswith(("surefoot ", "make "))]


def _blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Block(path, line, found["language"], textwrap.dedent(found["text"]), found["why"])


BLOCKS = [block for path in DOCUMENTS for block in _blocks(path)]
_PYTHON = sorted({block.path for block in BLOCKS if block.language == "python"})


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _of_the_reader() -> dict[str, Any]:
    """What a page may take for granted: a small training of the reader's own."""
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("backbone", nn.Linear(4, 5))
    model.add_module("head", nn.Linear(5, 3))
    inputs = torch.randn(96, 4)
    train_set = TensorDataset(inputs, (inputs[:, 0] > 0).long())
    loss_function = nn.CrossEntropyLoss()
    return {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "loss_function": loss_function,
        "train_set": train_set,
        "validation_set": TensorDataset(*train_set[:32]),
        "loader": DataLoader(train_set, batch_size=16, shuffle=True),
        "evaluate": lambda model: loss_function(model(inputs), train_set.tensors[1]).detach(),
    }


def _record(path: Path) -> None:
    """The runs that the page's own commands would have recorded under a name."""
    commands = "\n".join(command for block in _blocks(path) for command in block.commands())
    for name in re.findall(r"surefoot run .*--name (\w+)", commands):
        own = _of_the_reader()
        with surefoot.watch(own["model"], own["optimizer"], name=name):
            for inputs, labels in own["loader"]:
                own["optimizer"].zero_grad()
                own["loss_function"](own["model"](inputs), labels).backward()
                own["optimizer"].step()


@pytest.mark.slow
@pytest.mark.parametrize("path", _PYTHON, ids=_name)
def test_python_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT / "examples" / "own_rule" / "src")  # its page says to install it
    monkeypatch.delitem(sys.modules, "acme_training_rules", raising=False)
    page = types.ModuleType("page_of_the_docs")
    monkeypatch.setitem(sys.modules, page.__name__, page)
    _record(path)
    page.__dict__.update(_of_the_reader())
    for block in _blocks(path):
        if block.language == "python" and block.why_not is None:
            file = tmp_path / f"{path.stem}_line_{block.line}.py"  # so that a traceback shows the line
            file.write_text(block.text, encoding="utf-8")
            exec(compile(block.text, str(file), "exec"), page.__dict__)


def _parsed(line: str, whole: bool = True) -> None:
    """Have the program read a command line, whole or in part, and do nothing of what it says."""
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(main.app)
    for each in command.commands.values():
        each.callback = lambda *_, **__: None
    arguments, target = main._without_target(command, words)
    command.main(args=arguments, prog_name="surefoot", standalone_mode=False, obj=target)
    if whole and words[0] in ("run", "check", "backprop"):
        assert target is not None, "names no script"
    _names_what_there_is(words)


def _names_what_there_is(words: list[str]) -> None:
    command, *rest = words
    named = next((word for word in rest if not word.startswith("-")), "")
    if command == "explain" and named.islower():
        assert named in {rule.code for rule in all_rules()} or named.startswith("acme-"), f"no rule {named}"
    if command in ("train", "recipes") and re.fullmatch(r"[a-z0-9-]+", named):
        assert named in catalogue.names(), f"no recipe {named}"
    settings = [after for before, after in pairwise(rest) if before == "--set"]
    for setting in settings:
        name = setting.partition("=")[0]
        numbers = (
            inspect.signature(Settings).parameters if command == "reproduce" else loading.load(named).numbers
        )
        assert name in numbers, f"{named} has no {name}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_command_lines_are_real(path: Path) -> None:
    outside = _FENCE.sub("", path.read_text(encoding="utf-8"))
    inside = [line for block in _blocks(path) for line in block.commands() if block.why_not is None]
    for line in _INLINE.findall(outside):
        _parsed(line, whole=False)
    for line in inside:
        program, *words = shlex.split(line, comments=True)
        if program == "surefoot":
            _parsed(line)
        elif program == "make":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{words[0]}:", makefile, re.MULTILINE), f"{_name(path)}: {line}"
        else:
            assert program in _OTHERS, f"{_name(path)}: {line}: say above the block why it is not run"


def test_the_collector_sees_blocks_and_refuses_what_is_wrong() -> None:
    assert len(_PYTHON) > 10
    assert sum(len(block.commands()) for block in BLOCKS) > 40
    with pytest.raises(Exception, match="quikc"):
        _parsed("surefoot train line --quikc")
    with pytest.raises(AssertionError, match="no recipe"):
        _parsed("surefoot train lines")
    with pytest.raises(AssertionError, match="has no"):
        _parsed("surefoot train line --set nose=2")
