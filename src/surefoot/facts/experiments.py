"""What a learning-rate range test came to; the run of one carries it."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.facts.base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedRate:
    """A rate that one method reads off.

    Args:
        method: "steepest", "valley", "minimum / 10", "edge" or "curvature".
        rate: The rate; None: it suggests none.
        low: Lowest rate that it can't tell from this one.
        high: Highest.
        said: What it rests on, or why there is none.
    """

    method: str = ""
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTrial:
    """A short training at one of the rates.

    Args:
        rate: The rate.
        methods: Which methods suggest it; "yours" is the rate that the training has.
        steps: How many it trained.
        at: After how many of them the loss is; a script may validate before the last.
        loss: What it came to: the validation loss, or the mean training loss of its last quarter; None: it failed.
        error: Standard error of that mean; None for a validation loss.
        mean: Mean training loss over all its steps: how soon it came down.
        validated: Whether it is a validation loss.
        ended: Why it ended early, or "".
    """

    rate: float = 0.0
    methods: tuple[str, ...] = ()
    steps: int = 0
    at: int | None = None
    loss: float | None = None
    error: float | None = None
    mean: float | None = None
    validated: bool = False
    ended: str = ""

    @property
    def judged_at(self) -> int:
        """After how many steps its loss is."""
        return self.steps if self.at is None else self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTest(Fact, kind="range-test", question="Which learning rate a range test suggests"):
    """A learning-rate range test; its losses over its rates are the run's series.

    Args:
        optimizer: Class of the optimizer.
        present: The rate that the training has.
        first: Lowest rate of the range.
        last: Highest.
        spacing: "exponential" or "linear".
        after: Steps of ordinary training before it.
        ended: What ended it.
        noise: Deviation of the losses around their local line.
        suggestions: One a method.
        trials: Of the suggestions; none where they were not tried.
        recommended: The rate to use; None: there is none.
        said: The recommendation in a sentence.
        command: What to run next.
    """

    optimizer: str = ""
    present: float | None = None
    first: float = 0.0
    last: float = 0.0
    spacing: str = "exponential"
    after: int = 0
    ended: str = ""
    noise: float | None = None
    suggestions: tuple[SuggestedRate, ...] = ()
    trials: tuple[RateTrial, ...] = ()
    recommended: float | None = None
    said: str = ""
    command: str = ""
