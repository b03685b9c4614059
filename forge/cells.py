"""Cells: subject, loop style, optimizer, schedule, seed, and at most one fault; each is made again from its name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from forge.faults import FAULTS
from forge.loops import STYLES, script
from forge.subjects import OPTIMIZERS, SCHEDULES, SUBJECTS, program

SEEDS = range(1, 5)
FAULTS_EACH = 6


@dataclass(frozen=True)
class Cell:
    """One script; `fault` is empty for the sound one."""

    subject: str
    style: str
    optimizer: str
    schedule: str
    seed: int
    fault: str = ""

    @property
    def sound(self) -> Cell:
        """The same without its fault."""
        return replace(self, fault="")

    @property
    def name(self) -> str:
        """What it is made again from."""
        parts = [self.subject, self.style, self.optimizer, self.schedule, str(self.seed), self.fault]
        return ":".join(filter(None, parts))

    @classmethod
    def named(cls, name: str) -> Cell:
        """The cell of a name."""
        subject, style, optimizer, schedule, seed, *rest = name.split(":")
        return cls(subject, style, optimizer, schedule, int(seed), *rest)

    @property
    def reported(self) -> bool:
        """Whether it is of the half that is reported; on the other, thresholds may be chosen. Twins stay together."""
        return number(self.sound.name) % 2 == 0

    @property
    def text(self) -> str | None:
        """The script; None where the parts do not fit together."""
        made = program(self.subject, self.optimizer, self.schedule, self.seed)
        if self.fault:
            about = FAULTS[self.fault]
            if about.styles and self.style not in about.styles:
                return None
            spoilt = about.put(made)
            if spoilt is None or spoilt == made:
                return None
            made = spoilt
        return script(made, self.style)


def number(name: str) -> int:
    """A number that only depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


@cache
def bases() -> tuple[Cell, ...]:
    """All sound cells, mixed by their names."""
    made = product(SUBJECTS, STYLES, OPTIMIZERS, SCHEDULES, SEEDS)
    return tuple(sorted((Cell(*parts) for parts in made), key=lambda cell: number(cell.name)))


def groups(count: int) -> Iterator[list[Cell]]:
    """`count` sound cells, each with the faults that were seen least until then: the start of one endless series."""
    seen: Counter[str] = Counter()
    left = count
    for sound in bases():
        if left == 0:
            return
        if sound.text is None:
            continue
        faulty = [replace(sound, fault=name) for name in FAULTS]
        fitting = [cell for cell in faulty if cell.text is not None]
        chosen = sorted(fitting, key=lambda cell: (seen[cell.fault], number(cell.name)))[:FAULTS_EACH]
        seen.update(cell.fault for cell in chosen)
        left -= 1
        yield [sound, *chosen]
