"""How far the training is, on a terminal: in the window's title, and now and then in a line of its own.

Nothing is drawn that would have to be taken back: a process that is killed, stopped or replaced leaves a terminal
that is whole, and the script's prints, bars and full-screen programs find the cursor where they left it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from surefoot.capture.observation import Observation
    from surefoot.records import Finding

# Kept by the terminal on a stack, so that the title from before comes back.
_KEEP_TITLE, _TITLE, _OLD_TITLE = "\x1b[22;2t", "\x1b]2;{}\x07", "\x1b]2;\x07\x1b[23;2t"
_WITHOUT_TITLE = ("", "dumb", "linux")
_FIRST_LINE = 10.0  # seconds; each line comes after twice the time of the one before
_RAREST_LINE = 600.0


class ProgressLine:
    """A line now and then, and a title at every tick.

    Args:
        stream: Where to draw; nothing is drawn unless it is a terminal.
        clock: Seconds.
    """

    def __init__(self, stream: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._pause = _FIRST_LINE
        self._next_line = clock() + _FIRST_LINE
        self._titled = False
        self._findings: tuple[Finding, ...] = ()

    @property
    def wanted(self) -> bool:
        """Whether there is a terminal to draw on."""
        try:
            return self._stream is not None and self._stream.isatty() and os.environ.get("TERM") != "dumb"
        except ValueError:
            return False

    def told(self, findings: tuple[Finding, ...]) -> None:
        """Take the findings so far, for their count."""
        self._findings = findings

    def draw(self, observation: Observation) -> None:
        """Show where the training is; called a few times a second from beside it."""
        if self._stream is None or not _is_ours(self._stream):
            return
        if os.environ.get("TERM", "") not in _WITHOUT_TITLE:
            keep = "" if self._titled else _KEEP_TITLE
            self._titled = True
            self._write(keep + _TITLE.format(_text(observation, self._findings)))
        now = self._clock()
        if now >= self._next_line:
            self._pause = min(2 * self._pause, _RAREST_LINE)
            self._next_line = now + self._pause
            self.line(_text(observation, self._findings)[: max(_columns(self._stream) - 1, 20)])

    def line(self, text: str) -> None:
        """A line of its own, below what the script has begun to print.

        On a terminal a row of blanks leads to a fresh row where the present one is begun, and stays in it where it is
        not, as zsh does before its prompt. Elsewhere a line like any other.
        """
        fresh = ""
        if self._stream is not None and self.wanted:
            fresh = " " * (_columns(self._stream) - 1) + "\r"
        self._write(f"{fresh}{text}\n")

    def erase(self) -> None:
        """Give back the title."""
        if self._titled:
            self._titled = False
            self._write(_OLD_TITLE)

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # the terminal is gone; the training is not


def _text(observation: Observation, findings: tuple[Finding, ...]) -> str:
    latest = observation.latest
    parts = [f"surefoot  step {observation.steps:,}"]
    if latest.loss is not None:
        parts.append(f"loss {latest.loss:.4g}")
    if latest.val_loss is not None:
        parts.append(f"val {latest.val_loss:.4g}")
    if latest.grad_norm is not None:
        parts.append(f"grad {latest.grad_norm:.3g}")
    if latest.clip_rate is not None:
        parts.append(f"clipped {latest.clip_rate:.0%}")
    if latest.lr is not None:
        parts.append(f"lr {latest.lr:.3g}")
    serious = sum(finding.severity != "information" for finding in findings)
    parts.append("no findings" if not serious else f"{serious} finding{'s' * (serious > 1)}")
    rate = observation.observer.training.schedule.clock.rate()
    if rate == rate:
        parts.append(f"{rate:,.0f} steps/s" if rate >= 10 else f"{rate:.2g} steps/s")
    return "  ".join(parts)


def _is_ours(stream: TextIO) -> bool:
    """Whether the terminal is a plain one now: no full-screen program or password prompt has it, no other job."""
    try:
        import termios
    except ImportError:  # Windows
        return True
    try:
        number = stream.fileno()
        modes = termios.tcgetattr(number)[3]
        return bool(modes & termios.ICANON and modes & termios.ECHO) and os.tcgetpgrp(number) == os.getpgrp()
    except (OSError, ValueError, termios.error):
        return True


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
