"""What a remedy is: a fix that can be applied to a training from outside, by hooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from surefoot.records import Finding, History
    from surefoot.remedies.hooks import Hooks


@dataclass(frozen=True, slots=True)
class Proposal:
    """One remedy with its numbers, for one finding.

    Args:
        remedy: Its name.
        said: What it does, in a few words.
        code: Of the finding that it answers.
        where: The line of the script that it stands for, if known.
        details: Its numbers, JSON values.
    """

    remedy: str
    said: str
    code: str
    where: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> tuple[str, tuple[tuple[str, Any], ...]]:
        """The same for proposals that do the same."""
        return self.remedy, tuple(sorted(self.details.items()))


class Remedy:
    """Applied before the script runs; says which findings it answers.

    Attributes:
        name: Its name, which an edit of the script goes by, too.
        answers: Codes of the findings that it answers.
        said: What it does, in a few words.
        seen: An observation sees what it changed; else a finding stays although its fault is mended.
        redefines: The loss is another one with it, so that losses are measured by its form (see `Measure`).
    """

    name: ClassVar[str]
    answers: ClassVar[tuple[str, ...]]
    said: ClassVar[str]
    seen: ClassVar[bool] = True
    redefines: ClassVar[bool] = False

    def proposals(self, finding: Finding, history: History) -> Iterator[Proposal]:
        """Ways to apply it to what was found."""
        yield self.proposal(finding)

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Register what it does.

        Args:
            hooks: The events of the training.
            details: As proposed.
        """
        raise NotImplementedError

    def proposal(self, finding: Finding, said: str | None = None, **details: Any) -> Proposal:
        """It with its numbers."""
        return Proposal(self.name, said or self.said, finding.code, finding.where, details)
