"""Edits of scripts written in a test: what changes, at the line that holds a text."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from surefoot.edits import edit


def edited(source: str, code: str, at: str | None, **details: Any) -> list[str] | None:
    """The lines that go and come; None without an edit."""
    text = dedent(source).lstrip("\n")
    made = edit(text, code, None if at is None else line_of(text, at), **details)
    if made is None:
        return None
    compile(made.source, "edited", "exec")
    return list(made.changed)


def line_of(text: str, at: str) -> int:
    """Number of the only line that holds a text."""
    (line,) = (number for number, line in enumerate(text.splitlines(), 1) if at in line)
    return line
