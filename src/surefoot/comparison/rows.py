"""The numbers of a comparison as rows, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from surefoot.comparison.judging import at_time, lasted, mean_until, pace
from surefoot.comparison.records import Comparison, Difference, Side
from surefoot.comparison.seeds import seed_of
from surefoot.records import History, Series
from surefoot.report.json import ends, spread
from surefoot.report.numbers import duration, number, value

RELATIONS = {"one run": "the same run", "repeat": "the same once more", "seed": "another seed"}


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of all runs.

    Args:
        name: What it is.
        cells: One a run; "" where there is none.
    """

    name: str
    cells: tuple[str, ...]


def rows(comparison: Comparison) -> list[Row]:
    """What the runs came to, each quantity that at least one has."""
    histories = [side.history for side in comparison.sides]
    step = common_step(histories)
    seconds = min((s for h in histories if (s := lasted(h)) is not None), default=None)
    made = [
        _row("verdict", comparison, lambda side: side.verdict.said),
        _row("main finding", comparison, lambda side: side.findings[0].code if side.findings else "none"),
        _row("steps", comparison, lambda side: number(side.history.run.steps)),
        *([_at_step(comparison, step)] if step else []),
        _row("loss, last", comparison, lambda side: _last(side.history, "loss")),
        _row("validation loss, last", comparison, lambda side: _last(side.history, "val_loss")),
        _row("validation loss, best", comparison, lambda side: _best(side.history)),
        *([_at_time(comparison, name, title, seconds) for name, title in _LOSSES] if seconds else []),
        _row("gradient norm, median", comparison, lambda side: _norm(side.history)),
        _row("steps/s", comparison, lambda side: _shown(pace(side.history))),
        _row("seed", comparison, lambda side: _seed(side.history)),
    ]
    return [row for row in made if any(cell for cell in row.cells)]


_LOSSES = (
    ("loss", "loss near"),
    ("val_loss", "validation loss at"),
)  # a training loss is a mean over some steps


def common_step(histories: Sequence[History]) -> int:
    """The last step that all have; 0: none."""
    return min((int(loss.steps[-1]) if len(loss := h.series("loss")) else 0 for h in histories), default=0)


def change(difference: Difference) -> str:
    """A difference in words.

    Example:
        >>> change(Difference("settings", "lr", 0.1, 0.01))
        'lr: 0.1 -> 0.01'
        >>> change(Difference("command", "--amp", None, True))
        '--amp: not there -> yes'
    """
    return f"{difference.name}: {shown(difference.before)} -> {shown(difference.after)}"


def shown(item: object) -> str:
    """A setting's value, "not there" for None."""
    return "not there" if item is None else value(item)


def _row(name: str, comparison: Comparison, cell: Callable[[Side], str]) -> Row:
    return Row(name, tuple(cell(side) for side in comparison.sides))


def _at_step(comparison: Comparison, step: int) -> Row:
    def cell(side: Side) -> str:
        reading = mean_until(side.history.series("loss"), step)
        return "" if reading is None else number(reading.value)

    return _row(f"loss near step {number(step)}", comparison, cell)


def _at_time(comparison: Comparison, name: str, title: str, seconds: float) -> Row:
    return _row(
        f"{title} {duration(seconds)}",
        comparison,
        lambda side: _shown(at_time(side.history, name, seconds)),
    )


def last_said(series: Series) -> str:
    """The last value; "none" where there is none."""
    return _shown(ends(series)["last"]) or "none"


def _last(history: History, name: str) -> str:
    series = history.metric(name) if name == "val_loss" else history.series(name)
    return _shown(ends(series)["last"])


def _best(history: History) -> str:
    return _shown(ends(history.metric("val_loss"))["best"])


def _norm(history: History) -> str:
    return _shown(spread(history.series("grad_norm"))["median"])


def _seed(history: History) -> str:
    seed = seed_of(history)
    return "" if seed is None else str(seed)


def _shown(found: float | None) -> str:
    return "" if found is None else number(found)
