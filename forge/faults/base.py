"""What a fault operator is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import ModuleType

from forge.program import Program

Put = Callable[[Program], "Program | None"]


@dataclass(frozen=True)
class Fault:
    """One way to spoil a training.

    Args:
        name: Of the fault, with its strength or place after a slash.
        expect: Rules that are right as the main finding.
        put: Spoils a program; None where it does not apply.
        certain: Wrong whatever the score says; others count only where the score is measurably worse.
        also: Rules that are right beside it.
        styles: The loop styles that it is for; empty for all that can say it.
    """

    name: str
    expect: tuple[str, ...]
    put: Put
    certain: bool = False
    also: tuple[str, ...] = ()
    styles: tuple[str, ...] = field(default=())

    @property
    def kind(self) -> str:
        """The fault without its strength."""
        return self.name.partition("/")[0]


def fault(
    name: str, *expect: str, certain: bool = False, also: tuple[str, ...] = (), styles: tuple[str, ...] = ()
) -> Callable[[Put], Fault]:
    """Decorator: the function is the operator of this name."""
    return lambda put: Fault(name, expect, put, certain, also, styles)


def all_faults(*modules: ModuleType) -> dict[str, Fault]:
    """The operators of these modules by name."""
    found = [
        item
        for module in modules
        for value in vars(module).values()
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, Fault)
    ]
    return {item.name: item for item in found}


def changed(program: Program, part: str, old: str, new: str) -> Program | None:
    """The program with `old` replaced in one of its texts; None where it is not there."""
    text = getattr(program, part)
    return replace(program, **{part: text.replace(old, new)}) if old in text else None


def rewritten(program: Program, part: str, pattern: str, new: str) -> Program | None:
    """The same by a regular expression, line by line."""
    text, count = re.subn(pattern, new, getattr(program, part), flags=re.MULTILINE)
    return replace(program, **{part: text}) if count else None


def appended(program: Program, part: str, line: str) -> Program:
    """The program with a line added to one of its texts."""
    text = getattr(program, part)
    return replace(program, **{part: f"{text}\n{line}" if text else line})
