"""Command lines that nobody would type, each made from a number alone: every command, every option, odd values."""

from __future__ import annotations

import random
from typing import Any

import typer

from surefoot.cli import main

# Scripts of the folder that they are tried in, and what is none.
TARGETS = (
    "plain.py",
    "plain.py",
    "fails-to-parse.py",
    "absent.py",
    "folder",
    "text.txt",
    "-m",
    "absent",
    "last",
    "a/b",
)
VALUES = (
    "", " ", "0", "1", "-1", "2.5", "nan", "inf", "1e999", "9" * 40, "x", "last", "..", "a/b", "é", "\x1b[31m", "[red]",
    "x" * 300, "two\nlines", "=", "k=v", "lr=0.1", "text.txt", "text.txt/a", "folder", "absent/file.html", "page.html",
    "/dev/full", "/proc/nothing", "~", "--", "-", "$HOME", "%s", "missing-step", "github", "1,10", "0:1", "warmup(3)",
    "out.png", "out.gif", "out.npz", "\udc80",
)  # fmt: skip
_LONG = ("reproduce", "train")  # with a good name they would train


def command_line(seed: int) -> list[str]:
    """A command line."""
    source = random.Random(seed)
    command: Any = typer.main.get_command(main.app)
    name = source.choice([*command.commands, *command.commands, "--version", "--help", "absent", ""])
    words = [name]
    parameters = command.commands[name].params if name in command.commands else []
    options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
    for option in source.sample(options, min(len(options), source.choice((0, 1, 1, 2, 4)))):
        words.append(source.choice(option.opts))
        if not getattr(option, "is_flag", False) or source.random() < 0.05:
            words.append(source.choice(VALUES))
    if source.random() < 0.1:
        words.append(source.choice(("--absent", "-z", "--help", "--", "-")))
    if source.random() < 0.8:
        words.append(source.choice(VALUES if name in _LONG else (*TARGETS, *VALUES)))
    words += source.choices(VALUES, k=source.choice((0, 0, 0, 1, 3)))
    return words
