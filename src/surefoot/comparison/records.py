"""What a comparison says, as frozen records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from surefoot.records import Finding, History, Verdict

Word = Literal["better", "worse", "same", "unknown"]
Section = Literal["command", "settings", "data", "inputs", "model", "environment", "seed"]
Relation = Literal[
    "one run",  # both are the same run
    "repeat",  # same code, command, settings, data and seed
    "seed",  # the same but for the seed
    "changed",
]


@dataclass(frozen=True, slots=True)
class Side:
    """One run as it enters a comparison.

    Args:
        label: What it is called beside the others, unique among them.
        history: All that was recorded.
        findings: What the rules find, the main finding first.
        verdict: The run's own verdict.
    """

    label: str
    history: History = field(repr=False)
    findings: tuple[Finding, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is not the same in both runs.

    Args:
        section: What sort of setting.
        name: Which.
        before: In the first run; None: not there.
        after: In the other run; None: not there.
    """

    section: Section
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """What a loss is at a step.

    Args:
        value: A single validation loss, or the mean of the training loss over the last steps.
        step: The step at which it was read.
        noise: How far it scatters by itself, one standard deviation; 0: not known.
    """

    value: float
    step: int
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Objective:
    """What runs are judged by.

    Args:
        name: "validation loss", or "training loss" where one of the runs has none.
        readings: One a run, in the order of `places`.
        step: Last step that they all have.
        places: Which of the runs they are of.
    """

    name: Literal["validation loss", "training loss"]
    readings: tuple[Reading, ...]
    step: int
    places: tuple[int, ...] = (0, 1)


@dataclass(frozen=True, slots=True)
class Parted:
    """Where a quantity of two runs is first different by more than rounding.

    Args:
        quantity: "loss", "gradient norm", "learning rate", "weight norm", "update norm", "input mean" …
        step: Step of the first difference.
        agreed: The last step before it at which the quantity was compared; 0: none was.
        values: In the first run and the other.
        relative: The difference over the greater of the two.
        before: The greatest relative difference until `agreed`: within rounding.
        parameter: The parameter that differs most there; None: a quantity of the whole run.
        others: How many other parameters differ there too.
    """

    quantity: str
    step: int
    agreed: int
    values: tuple[float, float]
    relative: float
    before: float = 0.0
    parameter: str | None = None
    others: int = 0


@dataclass(frozen=True, slots=True)
class Parting:
    """How long two runs were the same.

    Args:
        first: What differs first; None: nothing, until the last step that both have.
        parameter: The first parameter seen to differ, maybe at a later step: parameters are sampled.
        grown: Rounding differences came first and grew: the runs are the same but for rounding.
        tolerance: Relative difference that counts as rounding here.
        compared: Steps that were compared.
        last: The last of them.
        rounded: First step with a difference within rounding; None: equal to the last digit before they parted.
    """

    first: Parted | None
    parameter: Parted | None
    grown: bool
    tolerance: float
    compared: int
    last: int
    rounded: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The first run and another one.

    Args:
        before: Place of the first among the runs.
        after: Place of the other.
        word: Whether the other is better; "unknown" where their losses cannot be compared.
        relation: What kind of change lies between them.
        objective: What that was judged by; None: nothing in common.
        reason: Why there is no objective, or none that is better.
        gone: Findings of the first that the other has not.
        new: Findings that only the other has.
        kept: Findings of the other that the first has too.
        differences: Settings that differ.
        code: The two scripts as a unified diff; "" where they are equal or one was not recorded.
        parting: How long they were the same; None: no step in common.
    """

    before: int
    after: int
    word: Word
    relation: Relation
    objective: Objective | None
    reason: str | None
    gone: tuple[Finding, ...]
    new: tuple[Finding, ...]
    kept: tuple[Finding, ...]
    differences: tuple[Difference, ...]
    code: str
    parting: Parting | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs beside each other; printed, it is one sentence that says whether the change helped.

    Args:
        said: That sentence.
        sides: The runs, the one that the others are compared with first.
        pairs: The first run with each other one.
        groups: Places of the runs, those that differ in the seed alone together.
        objective: What runs are ranked by, those left out that have no such loss or stopped early; None: nothing.
    """

    said: str
    sides: tuple[Side, ...]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[int, ...], ...]
    objective: Objective | None

    @property
    def word(self) -> Word:
        """Whether the second run is better than the first."""
        return self.pairs[0].word

    def __str__(self) -> str:
        return self.said

    def group_of(self, place: int) -> Sequence[int]:
        """The runs that differ from one in the seed alone, with itself."""
        return next(group for group in self.groups if place in group)
