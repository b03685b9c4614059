"""One evaluated batch, and the passes over a split that such batches make up.

Which split a batch is from is told by what asked for it: the lines that led to the loss, the loader whose batches are
running, the strings and arguments of the functions on the way. A pass's loss is what the script makes of its batches:
what it reads from their losses, added up as the script's own variables show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from torch import Tensor

from surefoot.capture.place import Site

_SAME = 3e-6  # relative: numbers that rounding in float32 alone keeps apart
_MOST_READ = 64  # numbers that a script reads from tensors after one batch
_MOST_STRINGS = 5  # values of one string that name splits; more of them name batches, files


@dataclass(slots=True)
class Batch:
    """The loss of one batch that nothing was learned from.

    Args:
        functions: The loss functions called for it, in order.
        chain: The user's lines that led there, the innermost first.
        marks: What may tell its split from others, by the variable that holds it: a short string, or all names of data.
        arguments: Which of them are arguments of functions.
        data: Token of the data set whose loader is running; None: unknown.
        serial: Number of the batch that the loader gave last.
        weight: Examples in it.
        summed: Its loss is summed over the examples, not averaged.
        values: What the loss functions returned, one each.
        read: Numbers that the script then read from tensors, with the variable that held the tensor.
        votes: How the script was seen to add up: "batches" (each batch counts the same), "examples".
    """

    functions: tuple[str, ...]
    chain: tuple[Site, ...]
    marks: dict[str, Any]
    arguments: frozenset[str]
    data: int | None
    serial: int
    weight: int
    summed: bool
    values: list[float | Tensor]
    read: list[tuple[float, str | None]] = field(default_factory=list)
    votes: set[str] = field(default_factory=set)

    def note(self, number: float, variable: str | None) -> None:
        """The script read a number from a tensor."""
        if len(self.read) < _MOST_READ:
            self.read.append((number, variable))


@dataclass(slots=True)
class Pass:
    """Batches of one split, evaluated between the same two steps.

    Args:
        batches: At least one.
        told: The marks by which it differs from the other passes of its time.
        summed: A batch's loss is summed over its examples.
    """

    batches: list[Batch]
    told: dict[str, Any]
    summed: bool = False

    def __post_init__(self) -> None:
        self.summed = self.batches[0].summed

    @property
    def chain(self) -> tuple[Site, ...]:
        """The lines that led to it."""
        return self.batches[0].chain

    @property
    def functions(self) -> tuple[str, ...]:
        """The loss functions it was measured by."""
        return self.batches[0].functions

    @property
    def data(self) -> int | None:
        """Token of its data set."""
        return self.batches[-1].data


def passes(batches: Sequence[Batch]) -> list[Pass]:
    """Batches by their splits, in the order in which the splits were begun."""
    chains: dict[tuple[Any, ...], list[Batch]] = {}
    for batch in batches:
        chains.setdefault((batch.chain, batch.functions), []).append(batch)
    found = []
    for group in chains.values():
        telling = _telling(group)
        splits: dict[tuple[Any, ...], list[Batch]] = {}
        for batch in group:
            splits.setdefault((batch.data, *(batch.marks.get(name) for name in telling)), []).append(batch)
        for (data, *marks), members in splits.items():
            told = dict(zip(telling, marks, strict=True))
            found.append(Pass(members, told | ({} if data is None else {"loader": data})))
    order = {id(batch): place for place, batch in enumerate(batches)}
    return sorted(found, key=lambda each: order[id(each.batches[0])])


def _telling(group: Sequence[Batch]) -> list[str]:
    """Names of the marks that tell splits, not batches."""
    names = dict.fromkeys(name for batch in group for name in batch.marks)
    chosen = []
    for name in names:
        values = [batch.marks.get(name) for batch in group]
        distinct = len(set(values))
        changes = sum(a != b for a, b in pairwise(values))
        if 1 < distinct <= _MOST_STRINGS and changes == distinct - 1:
            chosen.append(name)
    return chosen


@dataclass(frozen=True, slots=True)
class Figure:
    """The loss of a pass.

    Args:
        value: As the script combines it, as far as that can be known.
        part: Only one of the terms that training adds up.
        per: "batch" or "example": what it is the mean over.
    """

    value: float
    part: bool
    per: str


def figure(
    one: Pass, values: Sequence[Sequence[float]], whole: bool, root: str | None, seen: Sequence[float]
) -> Figure | None:
    """What the script makes of a pass.

    Args:
        one: The pass.
        values: On the host, what its loss functions returned, batch by batch.
        whole: Training follows the loss function's value alone.
        root: The variable that training's backward starts from, where known.
        seen: Numbers that the script held afterwards.

    Returns:
        None where training follows more than what was seen here, and nothing shows what the script makes of it.
    """
    chosen = [_chosen(batch, own, whole, root) for batch, own in zip(one.batches, values, strict=True)]
    complete = [number for number in chosen if number is not None]
    if one.summed and len(complete) == len(chosen):
        one.summed = not _divided(one, complete, values)
    for terms, part in _series(chosen, values, whole):
        # What it made of them all, not the batches' own numbers.
        made = [number for number in seen if not any(_alike(number, term) for term in terms)]
        for value, per in _combined(one, terms):
            if any(_alike(value, number) for number in made):
                return Figure(value, part, per)
    if len(complete) < len(chosen):
        return None
    votes = set[str]().union(*(batch.votes for batch in one.batches))
    options = dict(_options(one, complete))
    per = "batch" if votes == {"batches"} and not one.summed else "example"
    return Figure(options[per], _is_part(complete, values, whole), per)


def _divided(one: Pass, terms: Sequence[float], values: Sequence[Sequence[float]]) -> bool:
    """Whether the script divides its batches' sums itself: its numbers are nearer to sum / examples than to the sum."""
    return all(
        batch.weight > 1 and abs(term) * math.sqrt(batch.weight) < abs(math.fsum(own))
        for batch, term, own in zip(one.batches, terms, values, strict=True)
    )


def _is_part(terms: Sequence[float], values: Sequence[Sequence[float]], whole: bool) -> bool:
    return not whole and all(_alike(term, own[0]) for term, own in zip(terms, values, strict=True))


def _series(
    chosen: Sequence[float | None], values: Sequence[Sequence[float]], whole: bool
) -> Iterator[tuple[list[float], bool]]:
    complete = [number for number in chosen if number is not None]
    if len(complete) == len(chosen):
        yield complete, _is_part(complete, values, whole)
    if all(len(own) == 1 for own in values):
        yield [own[0] for own in values], not whole


def _combined(one: Pass, terms: Sequence[float]) -> Iterator[tuple[float, str]]:
    for per, value in _options(one, terms):
        yield value, per
    total, examples = math.fsum(terms), sum(batch.weight for batch in one.batches)
    yield total / examples, "example"
    yield total / len(terms), "batch"
    yield total, "batch"


def _options(one: Pass, terms: Sequence[float]) -> list[tuple[str, float]]:
    weights = [batch.weight for batch in one.batches]
    total, examples = math.fsum(terms), sum(weights)
    if one.summed:
        return [("example", total / examples), ("batch", total / len(terms))]
    weighted = math.fsum(term * weight for term, weight in zip(terms, weights, strict=True))
    return [("example", weighted / examples), ("batch", total / len(terms))]


def _chosen(batch: Batch, values: Sequence[float], whole: bool, root: str | None) -> float | None:
    """What the script takes as the loss of a batch; None where that cannot be told."""
    if whole and len(values) == 1:
        return values[0]
    others = [
        (number, name) for number, name in batch.read if not any(_alike(number, value) for value in values)
    ]
    named = [number for number, name in others if root is not None and name == root]
    if named:
        return named[-1]
    if len(others) == 1:
        return others[0][0]
    if not others and len(values) == 1 and batch.read:
        return values[0]  # what training adds is left out in evaluation
    return None


def _alike(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_SAME, abs_tol=1e-12)
