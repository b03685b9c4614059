"""A schedule's values at its boundaries, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Tabled(Protocol):
    """What a table reads of a schedule."""

    @property
    def duration(self) -> int | None:
        """Steps until it ends."""

    def boundaries(self) -> tuple[int, ...]:
        """Steps at which its formula changes."""

    def pieces(self) -> Sequence[tuple[int, object]]:
        """(first step, schedule) of each part."""

    def momentum(self, step: int) -> float | None:
        """Momentum at a step, if it sets one."""

    def __call__(self, step: int) -> float:
        """Factor at a step."""


def table(schedule: Tabled, lr: float | None = None) -> str:
    """Values where the formula changes, one line each.

    Args:
        schedule: In steps.
        lr: Learning rate that the factor multiplies, to print rates too.

    Returns:
        Lines of step, factor, rate and momentum as far as there are any, and what begins there.

    Raises:
        SettingError: Its lengths are in epochs.

    Example:
        >>> from surefoot.schedules import cosine, warmup
        >>> print(table(warmup(1000) >> cosine(9000), lr=0.1))
         step  factor   lr
            0       0    0  warmup(1000)
         1000       1  0.1  cosine(9000)
        10000       0    0  end
    """
    names = {start: repr(piece) for start, piece in schedule.pieces()}
    if schedule.duration is not None:
        names[schedule.duration] = "end"
    steps = sorted({*schedule.boundaries(), *names})
    heads = ["step", "factor"]
    columns = [[str(step) for step in steps], [_number(schedule(step)) for step in steps]]
    if lr is not None:
        heads.append("lr")
        columns.append([_number(lr * schedule(step)) for step in steps])
    momenta = [schedule.momentum(step) for step in steps]
    if any(value is not None for value in momenta):
        heads.append("momentum")
        columns.append(["" if value is None else _number(value) for value in momenta])
    widths = [max(map(len, (head, *column))) for head, column in zip(heads, columns, strict=True)]
    rows = [heads, *map(list, zip(*columns, strict=True))]
    notes = ["", *(names.get(step, "") for step in steps)]
    return "\n".join(_line(row, widths, note) for row, note in zip(rows, notes, strict=True))


def _line(row: Sequence[str], widths: Sequence[int], note: str) -> str:
    return ("  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) + f"  {note}").rstrip()


def _number(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-15 else value:.6g}"
