"""One line that shows how far a training is."""

from __future__ import annotations

import sys
import time
from types import TracebackType

SECONDS = 0.1  # between two drawings


class ProgressLine:
    """A bar with step, loss and rate by Rich, on standard error.

    Args:
        total: Steps of the whole training; None if not known.
        shown: True always, False never, None where standard error is a terminal.
        done: Steps taken before.

    Attributes:
        wanted: Whether anything is shown.
    """

    def __init__(self, total: int | None, shown: bool | None, done: int = 0) -> None:
        self.wanted = sys.stderr.isatty() if shown is None else shown
        self._total = total
        self._done = done
        self._next = 0.0

    def __enter__(self) -> ProgressLine:
        if self.wanted:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[told]}"),
            )
            self._bar = Progress(*columns, console=Console(stderr=True), auto_refresh=False)
            self._task = self._bar.add_task("training", total=self._total, completed=self._done, told="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.wanted:
            self._bar.refresh()
            self._bar.stop()

    def update(self, step: int, loss: float | None, lr: float, told: str = "") -> None:
        """Show a step; drawn only so often."""
        if not self.wanted:
            return
        now = time.monotonic()
        if now < self._next and not told:
            return
        self._next = now + SECONDS
        shown = f"loss {loss:.4g}  lr {lr:.3g}" if loss is not None else f"lr {lr:.3g}"
        self._bar.update(self._task, completed=step, told=f"{shown}  {told}".rstrip(), refresh=True)

    def say(self, sentence: str) -> None:
        """One line of its own above the bar, or on standard error."""
        if self.wanted:
            self._bar.console.print(f"surefoot: {sentence}", highlight=False, markup=False)
        else:
            print(f"surefoot: {sentence}", file=sys.stderr)
