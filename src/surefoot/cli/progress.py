"""The progress line: the terminal's last row, kept out of the script's way.

The rows above it become the terminal's scrolling region, as package managers do it, so that the script's
prints, its progress bars and its child processes write where they always did and the line stays.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from surefoot.capture.observation import Observation
    from surefoot.records import Finding

_SAVE, _RESTORE = "\x1b7", "\x1b8"
_NARROWEST = 20


class ProgressLine:
    """One line at the bottom of a terminal.

    Args:
        stream: Where to draw; nothing is drawn unless it is a terminal.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._rows = 0
        self._region = False
        self._steps = 0
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
        """Draw the line anew; called a few times a second from beside the training."""
        columns, rows = self._size()
        text = self._text(observation)[: max(_NARROWEST, columns) - 1]
        if rows < 3:
            self._write(f"\r\x1b[2K{text}\r")
            return
        if rows != self._rows or not self._region:
            # A fresh row at the bottom, then everything above it scrolls by itself.
            self._write(f"\n{_SAVE}\x1b[1;{rows - 1}r{_RESTORE}\x1b[1A")
            self._rows, self._region = rows, True
        self._write(f"{_SAVE}\x1b[{rows};1H\x1b[2K\x1b[7m {text} \x1b[0m{_RESTORE}")

    def erase(self) -> None:
        """Give the terminal back as it was."""
        if self._region:
            self._write(f"{_SAVE}\x1b[r\x1b[{self._rows};1H\x1b[2K{_RESTORE}")
            self._region = False
        elif self._steps:
            self._write("\r\x1b[2K")

    def _text(self, observation: Observation) -> str:
        latest = observation.latest
        self._steps = observation.steps
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
        serious = sum(finding.severity != "information" for finding in self._findings)
        parts.append("no findings" if not serious else f"{serious} finding{'s' * (serious > 1)}")
        rate = observation.observer.clock.rate()
        if rate == rate:
            parts.append(f"{rate:,.0f} steps/s" if rate >= 10 else f"{rate:.2g} steps/s")
        return "  ".join(parts)

    def _size(self) -> tuple[int, int]:
        if self._stream is None:
            return 80, 0
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 0
        return size.columns or 80, size.lines

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass  # the terminal is gone; the training is not
