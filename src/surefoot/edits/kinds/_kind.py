"""What every kind of edit is given, and how it says to which findings it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from surefoot.edits.changes import Changes
from surefoot.edits.script import Script, Unsure


@dataclass(frozen=True)
class Place:
    """A script with what a finding says of it.

    Args:
        script: The script that was parsed.
        code: The finding's code, or the edit's name.
        line: The line that the finding names.
        details: What else is known.
    """

    script: Script
    code: str
    line: int | None
    details: Mapping[str, Any]
    changes: Changes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", Changes(self.script))

    def detail(self, name: str) -> Any:
        """Something that must be known.

        Raises:
            Unsure: It is not.
        """
        if self.details.get(name) is None:
            raise Unsure
        return self.details[name]


Maker: TypeAlias = Callable[[Place], str]


def answers(*codes: str) -> Callable[[Maker], Maker]:
    """Mark a function as an edit that answers to these codes."""

    def mark(make: Maker) -> Maker:
        make.answers = codes  # type: ignore[attr-defined]
        return make

    return mark
