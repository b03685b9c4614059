"""The page of the command line, read off the commands themselves."""

from __future__ import annotations

import html
import re
from typing import Any

import typer

from surefoot.cli.main import app


def page() -> str:
    """Every command with its arguments and options."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("surefoot", ["runs"])
    parts = [f"# Command line\n\n{group.help}", "`surefoot COMMAND --help` prints the same."]
    return "\n\n".join([*parts, *(_command(command, context) for command in group.commands.values())]) + "\n"


def _command(command: Any, above: Any) -> str:
    context = type(above)(command, info_name=command.name, parent=above)
    usage = " ".join(["surefoot", command.name, *command.collect_usage_pieces(context)])
    rows = [_row(*record) for each in command.params if (record := each.get_help_record(context))]
    head = ["| you give | what it does |", "| --- | --- |"] if rows else []
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", (command.help or "").strip())
    return "\n".join([f"## {command.name}", "", text, "", "```text", usage, "```", "", *head, *rows])


def _row(left: str, right: str) -> str:
    return f"| {_code(left)} | {_escaped(right)} |"


def _code(text: str) -> str:
    return f"`{text.strip()}`".replace("|", "\\|")


def _escaped(text: str) -> str:
    return re.sub(r"([|*_\[\]])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
