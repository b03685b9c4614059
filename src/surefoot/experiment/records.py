"""What trying fixes came to. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from surefoot.records import Finding, Verdict
from surefoot.remedies.base import Proposal

Word = Literal[
    "helps",  # the loss is lower
    "mends",  # its finding is gone, and the loss about the same
    "no help",
    "worse",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Losses:
    """Of one training, as all of an experiment are compared.

    Args:
        start: At its first step; None: none was seen.
        end: At the step that all have in common, a mean over the last ones.
        validation: The last one until that step; None: none was seen.
        noise: Standard deviation of what is compared, as far as the steps tell.
    """

    start: float | None = None
    end: float | None = None
    validation: float | None = None
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One training with fixes.

    Args:
        fixes: Applied in it, the newest last.
        losses: Its own.
        word: What it did, against the same training without the newest.
        gone: Codes of findings that are gone.
        verdict: Of the training.
        why: It failed.
        seeds: Seeds that it was tried with.
    """

    fixes: tuple[Proposal, ...]
    losses: Losses
    word: Word
    gone: tuple[str, ...] = ()
    verdict: Verdict | None = None
    why: str = ""
    seeds: int = 1

    @property
    def healthy(self) -> bool:
        """Whether nothing more is found."""
        return self.verdict is not None and self.verdict.word == "healthy"


@dataclass(frozen=True, slots=True)
class Untried:
    """A finding that no fix was tried of.

    Args:
        code: Its.
        reason: Why none could be.
        fix: What to change in the script.
    """

    code: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class TriedFixes:
    """Everything that was tried of a script; printed, it is what helped.

    Args:
        script: Its name.
        verdict: Of the script as it is.
        findings: Of it.
        steps: That the trainings took.
        losses: Of it as it is.
        measure: What was compared, in words: "validation loss" or "training loss".
        note: How a loss is meant that a fix gives another form; "".
        together: Fixes that help one on top of the other, in that order.
        alone: Each fix by itself.
        untried: What could not be tried.
        path: Folder of the runs.
    """

    script: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    steps: int
    losses: Losses = field(default_factory=Losses)
    measure: str = "training loss"
    note: str = ""
    together: tuple[Attempt, ...] = ()
    alone: tuple[Attempt, ...] = ()
    untried: tuple[Untried, ...] = ()
    path: Path | None = None

    @property
    def best(self) -> Attempt | None:
        """The training with all fixes that help; None: none does."""
        return self.together[-1] if self.together else None

    @property
    def tried(self) -> int:
        """How many fixes were."""
        return len({fix.key for each in (*self.alone, *self.together) for fix in each.fixes})

    def summary(self) -> Mapping[str, Any]:
        """The same as JSON values."""
        from surefoot.experiment.json import summary

        return summary(self)

    def __str__(self) -> str:
        from surefoot.experiment.text import text

        return text(self)

    def __repr__(self) -> str:
        helped = f"{len(self.together)} help" if self.together else "none helps"
        return f"<fixes of {self.script}: {self.tried} tried, {helped}>"
