"""Scores: shares with their intervals, by kind of fault, loop style, model, data, and confidence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from forge.cells import Cell
from forge.faults import FAULTS
from forge.running import Said
from forge.subjects import SUBJECTS

LOUD = ("error", "warning")


@dataclass(frozen=True)
class Result:
    """A cell, what it is, and what was said."""

    cell: Cell
    label: str
    said: Said

    @property
    def codes(self) -> list[str]:
        """What was said loudly, the main finding first."""
        return [finding["code"] for finding in self.said.findings if finding["severity"] in LOUD]

    @property
    def expected(self) -> tuple[str, ...]:
        """What is right to say first."""
        return FAULTS[self.cell.fault].expect if self.cell.fault else ()

    @property
    def allowed(self) -> tuple[str, ...]:
        """What is right to say at all."""
        return (*self.expected, *FAULTS[self.cell.fault].also) if self.cell.fault else ()

    @property
    def right(self) -> bool:
        """Whether the main finding is the fault."""
        return bool(self.codes) and self.codes[0] in self.expected

    @property
    def found(self) -> bool:
        """Whether the fault is named at all, folded or as information, too."""
        named = [f["code"] for f in self.said.findings]
        folded = [code for f in self.said.findings for code in f["consequences"]]
        return any(code in self.expected for code in (*named, *folded))

    @property
    def alarm(self) -> bool:
        """Whether a sound program was blamed."""
        return bool(self.codes) or bool(self.said.trouble)

    @property
    def family(self) -> str:
        """Of models."""
        return SUBJECTS[self.cell.subject].family

    @property
    def data(self) -> str:
        """The examples' name."""
        return self.cell.subject.partition("-")[0]

    @property
    def kind(self) -> str:
        """Of the fault."""
        return self.cell.fault.partition("/")[0]


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @classmethod
    def counted(cls, results: Iterable[Result], hit: Callable[[Result], bool]) -> Share:
        """Of these results."""
        hits = [hit(result) for result in results]
        return cls(sum(hits), len(hits))

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        if not self.of:
            return 0.0, 1.0
        z, share = 1.959964, self.hits / self.of
        scale = 1 + z * z / self.of
        middle = (share + z * z / (2 * self.of)) / scale
        half = z / scale * math.sqrt(share * (1 - share) / self.of + z * z / (4 * self.of**2))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        """As a table shows it."""
        if not self.of:
            return "-"
        low, high = self.interval
        digits = 1 if self.hits / self.of < 0.02 else 0
        share, low, high = (f"{100 * part:.{digits}f}" for part in (self.hits / self.of, low, high))
        return f"{self.hits} of {self.of} ({share} % [{low}, {high}])"


EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0001)


def calibration(results: Sequence[Result]) -> list[tuple[str, Share]]:
    """Of the findings said loudly at a confidence, how many are right: by confidence, from low to high.

    A finding on a sound program is wrong; on a faulty one it is right if it is expected, or right beside it.
    """
    said = [
        (finding["confidence"], finding["code"] in result.allowed)
        for result in results
        for finding in result.said.findings
        if finding["severity"] in LOUD
    ]
    rows = []
    for low, high in pairwise(EDGES):
        inside = [right for confidence, right in said if low <= confidence < high]
        if inside:
            rows.append((f"{low:.2f} to {min(high, 1):.2f}", Share(sum(inside), len(inside))))
    return rows


def by(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    """Results in groups, by name."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return dict(sorted(groups.items()))


def in_every_style(faulty: Iterable[Result]) -> Share:
    """Of faults put into one problem in several loop styles, and right in one of them: how many are right in all."""
    together = by(faulty, lambda result: f"{result.cell.problem} {result.cell.fault}").values()
    several = [group for group in together if len(group) > 1 and any(result.right for result in group)]
    return Share(sum(all(result.right for result in group) for group in several), len(several))
