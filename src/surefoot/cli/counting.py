"""How far a long piece of work is: one line that is rewritten, on a terminal only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from surefoot.cli.output import draw, is_terminal
from surefoot.cli.printable import printable

_EVERY = 0.2  # seconds


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function of (done, in all); the line is gone at the end."""
    shown = 0.0
    terminal = is_terminal()

    def progress(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if terminal and now - shown >= _EVERY:
            shown = now
            draw(f"\r\x1b[2K{printable(title[:60])}: {done:,} of {total:,}")

    try:
        yield progress
    finally:
        if shown:
            draw("\r\x1b[2K")
