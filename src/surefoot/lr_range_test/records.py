"""A range test as numbers: the curve, the suggestions, the trials. No torch, no files, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from surefoot.facts import RangeTest as RangeTestFact
from surefoot.facts import RateTrial, SuggestedRate

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

Floats = NDArray[np.float64]
DIVERGED = "the loss rose to more than 4 times its best"
NONFINITE = "is no finite number any more"  # after "the loss", "the gradient", "a weight"


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss over the rates of one sweep.

    Args:
        rates: Shape (n,), rising.
        losses: Shape (n,): the loss after the step that was taken with each rate; the last may not be finite.
        ended: What ended the sweep.
        complete: It came to the end of its range.
    """

    rates: Floats
    losses: Floats
    ended: str = ""
    complete: bool = True

    @property
    def finite(self) -> Curve:
        """The same up to the first loss that is not finite."""
        bad = np.flatnonzero(~np.isfinite(self.losses))
        end = int(bad[0]) if len(bad) else len(self.losses)
        return Curve(self.rates[:end], self.losses[:end], self.ended, self.complete)

    def __len__(self) -> int:
        return len(self.rates)


@dataclass(frozen=True, slots=True)
class RangeTest:
    """What a learning-rate range test came to.

    Args:
        curve: The loss over the rates.
        found: Suggestions, trials, recommendation.
        path: Folder of its run; None: it was not kept.

    Example:
        >>> test = RangeTest(Curve(np.array([0.1]), np.array([1.0])), RangeTestFact(recommended=0.1))
        >>> test.lr
        0.1
    """

    curve: Curve
    found: RangeTestFact = field(default_factory=RangeTestFact)
    path: Path | None = None

    @property
    def lr(self) -> float | None:
        """The rate to use; None: there is none to recommend, and `found.said` says why."""
        return self.found.recommended

    @property
    def suggestions(self) -> tuple[SuggestedRate, ...]:
        """One a method, with its doubt."""
        return self.found.suggestions

    @property
    def trials(self) -> tuple[RateTrial, ...]:
        """Short trainings at the suggestions."""
        return self.found.trials

    def draw(self, path: str | Path) -> Path:
        """Draw it to a .png, .svg or .html (self-contained) file.

        Raises:
            SettingError: Another suffix.
            MissingExtra: matplotlib is not installed (PNG, SVG).
        """
        from surefoot.lr_range_test.figure import draw_range_test

        return draw_range_test(self, path)

    def __str__(self) -> str:
        from surefoot.lr_range_test.terminal import text

        return text(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from surefoot.lr_range_test.terminal import view

        yield view(self)
