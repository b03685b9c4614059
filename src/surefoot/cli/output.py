"""How surefoot speaks: on stderr, in its own name, never in the script's way."""

from __future__ import annotations

import sys
from typing import TextIO


def stderr() -> TextIO:
    """The process's own stderr, also where a script has replaced `sys.stderr`."""
    return sys.__stderr__ if sys.__stderr__ is not None else sys.stderr


def say(sentence: str) -> None:
    """One sentence on stderr, in surefoot's name."""
    write(f"surefoot: {sentence}\n")


def write(text: str) -> None:
    """Text on stderr; a closed stderr is nobody's fault."""
    try:
        stream = stderr()
        stream.write(text)
        stream.flush()
    except (OSError, ValueError, AttributeError):
        pass


def is_terminal() -> bool:
    """Whether stderr is a terminal."""
    try:
        return stderr().isatty()
    except (ValueError, AttributeError):
        return False
