"""Cells: subject, loop style, optimizer, schedule, seed, and at most one fault; each is made again from its name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import islice, product

from forge.faults import FAULTS
from forge.loops import STYLES, script
from forge.subjects import OPTIMIZERS, SCHEDULES, SUBJECTS, program

FAULTS_EACH = 3
STYLES_EACH = 3


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
    def problem(self) -> str:
        """What is learned, whatever the loop's style."""
        return replace(self, style="", fault="").name

    @property
    def parts(self) -> set[str]:
        """What it can be left out by: data, family of models, style, fault and kind of fault."""
        data, family = self.subject.partition("-")[0], SUBJECTS[self.subject].family
        return {data, family, self.style, self.fault, self.fault.partition("/")[0]} - {""}

    @property
    def reported(self) -> bool:
        """Whether it is of the half that is reported; on the other, thresholds may be chosen. Twins stay together."""
        return number(self.problem) % 2 == 0

    @property
    def text(self) -> str | None:
        """The script; None where the parts do not fit together."""
        return _text(self)


def number(name: str) -> int:
    """A number that only depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


@lru_cache(maxsize=4096)
def _text(cell: Cell) -> str | None:
    made = program(cell.subject, cell.optimizer, cell.schedule, cell.seed)
    if cell.fault:
        about = FAULTS[cell.fault]
        if about.styles and cell.style not in about.styles:
            return None
        spoilt = about.put(made)
        text = spoilt and script(spoilt, cell.style)
        return text if text != cell.sound.text else None
    return script(made, cell.style)


@cache
def bases() -> tuple[Cell, ...]:
    """All sound cells, mixed by their names."""
    made = [
        Cell(*parts, seed)
        for parts in product(SUBJECTS, STYLES, OPTIMIZERS, SCHEDULES)
        # Loops by hand have neither momentum nor schedule: without more of these there were few of them.
        for seed in range(1, 17 if parts[2:] == ("sgd", "constant") else 5)
    ]
    return tuple(sorted(made, key=lambda cell: number(cell.name)))


def groups() -> Iterator[list[Cell]]:
    """Problems, each with some faults in some loop styles; those that were seen least until then come first.

    A problem is a subject with its optimizer, schedule and seed. The same faults are put into it in each of the styles,
    so that they can be compared.
    """
    seen: Counter[str] = Counter()
    for problem in dict.fromkeys(replace(cell, style="") for cell in bases()):
        styles = _least([s for s in STYLES if replace(problem, style=s).text], seen, problem, STYLES_EACH)
        sound = [replace(problem, style=style) for style in styles]
        fitting = [n for n in FAULTS if any(replace(cell, fault=n).text for cell in sound)]
        faults = _least([n for n in fitting if FAULTS[n].expect], seen, problem, FAULTS_EACH)
        tempting = _least([n for n in fitting if not FAULTS[n].expect], seen, problem, 1)
        faulty = [replace(cell, fault=name) for name in (*faults, *tempting) for cell in sound]
        chosen = [*sound, *(cell for cell in faulty if cell.text)]
        seen.update(cell.style for cell in sound)
        seen.update(cell.fault for cell in chosen)
        yield chosen


def cells(
    count: int, half: str = "both", without: Collection[str] = (), only: Collection[str] = ()
) -> Iterator[Cell]:
    """The first `count` cells, or those of a part of all.

    Args:
        count: How many.
        half: "chosen", "reported" or "both".
        without: Data sets, families, styles and kinds of fault to leave out.
        only: Data sets, families, styles or kinds of fault to keep.
    """
    parts = (
        cell
        for group in groups()
        for cell in group
        if half in ("both", "reported" if cell.reported else "chosen")
        and not cell.parts & set(without)
        and (not only or cell.parts & set(only))
    )
    return islice(parts, count)


def _least(names: list[str], seen: Counter[str], problem: Cell, count: int) -> list[str]:
    """Those of the names that were seen least, ties by chance that the problem's name decides."""
    return sorted(names, key=lambda name: (seen[name], number(f"{problem.name} {name}")))[:count]
