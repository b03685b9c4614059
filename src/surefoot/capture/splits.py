"""Which split an evaluation is of, and which of them is the validation.

Two passes are of one split where they read the same data set, else where the variables that tell splits apart hold the
same values, else where the same lines led to them. What is trained on is no validation, nor what comes only after the
last one, from other lines or with other data: that is the test.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from surefoot.capture.evaluation import Pass

# How the field calls its splits; a name counts from its parts: "x_val", "valid_loader", "test_step".
_KINDS = {"train": ("train",), "val": ("val", "dev", "eval", "heldout"), "test": ("test",)}


def kind_of(name: str) -> str | None:
    """ "train", "val" or "test" where a name says so.

    Example:
        >>> [kind_of(name) for name in ("x_val", "testloader", "validation_step", "latest", "trainer")]
        ['val', 'test', 'val', None, None]
    """
    for word in reversed(re.findall(r"[A-Z]?[a-z]+", name)):
        plain = word.lower()
        if plain in ("trainer", "evaluate", "values", "value"):
            continue
        for kind, starts in _KINDS.items():
            if plain.startswith(starts):
                return kind
    return None


class DataSets:
    """Data sets by number, the same for the same data."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, Any, Any]] = []
        self.trained_on: set[int] = set()
        self.serial = 0  # of the last batch that a loader gave
        self._last: int | None = None
        self.fresh = False  # it was given since the last backward

    def yielded(self, iterator: Any) -> None:
        """A loader gave a batch."""
        self._last = self._number(iterator)
        self.serial += 1
        self.fresh = True

    @property
    def running(self) -> int | None:
        """The one that gave the last batch since the last backward."""
        return self._last if self.fresh else None

    def trained(self, evaluated: bool) -> bool:
        """A backward comes: what gave the last batch is trained on, unless that batch was evaluated.

        Args:
            evaluated: Something was evaluated since the loader gave its last batch.

        Returns:
            Whether that batch was for training all the same, and what was evaluated meanwhile is from elsewhere.
        """
        fresh, self.fresh = self.fresh, False
        if not fresh or self._last is None:
            return False
        if evaluated:
            return self._last in self.trained_on
        self.trained_on.add(self._last)
        return False

    def gone(self, number: int) -> bool:
        """Whether a data set is known to be no more."""
        reference = self._seen[number][1]
        return reference is not None and reference() is None

    def _number(self, iterator: Any) -> int | None:
        data = getattr(iterator, "_dataset", None)
        sampler = getattr(iterator, "_index_sampler", None)
        sampler = getattr(sampler, "sampler", sampler)
        if type(sampler).__name__ in ("RandomSampler", "SequentialSampler", "DistributedSampler"):
            sampler = None  # all of the data; any other picks a part of it
        for number, (known, reference, part) in enumerate(self._seen):
            same = reference() is data if reference is not None else known == id(data)
            if same and part == id(sampler):
                return number
        try:
            reference = weakref.ref(data)
        except TypeError:
            reference = None
        self._seen.append((id(data), reference, id(sampler)))
        return len(self._seen) - 1


class Split:
    """One split as it is met again and again.

    Args:
        first: The pass that it was met in.
    """

    def __init__(self, first: Pass) -> None:
        self.chain = first.chain
        self.functions = first.functions
        self.told = {name: value for name, value in first.told.items() if name != "loader"}
        self.named = _named(first)
        self.data = first.data
        self.name = _name(first)
        self.kind = _kind(first)
        self.times = 0

    def same_data(self, one: Pass) -> bool:
        """Whether a pass is known to read the same data."""
        return self.data is not None and self.data == one.data and self.functions == one.functions

    def holds(self, one: Pass, data: DataSets) -> bool:
        """Whether a pass is of this split."""
        if one.functions != self.functions:
            return False
        if self.data is not None and one.data is not None:
            if self.data == one.data:
                return True
            if not data.gone(self.data):
                return False
        marks = one.batches[0].marks
        if any(name in marks and marks[name] != value for name, value in self.told.items()):
            return False
        kind = _kind(one)
        if kind is not None and self.kind is not None and kind != self.kind:
            return False
        named = _named(one)
        shared = self.named.keys() & named.keys()
        if any(not set(self.named[name]) & set(named[name]) for name in shared):
            return False
        return self.chain == one.chain or (bool(shared) and self.chain[:1] == one.chain[:1])

    def met(self, one: Pass) -> None:
        """It was evaluated once more."""
        self.times += 1
        self.data = one.data if one.data is not None else self.data
        self.told |= {name: value for name, value in one.told.items() if name != "loader"}


def the_validation(
    found: Sequence[tuple[Pass, Split]], known: Split | None, trained_on: Iterable[int], ending: bool
) -> Split | None:
    """Which of the splits evaluated at one time is the validation; None: none of them.

    Args:
        found: Passes with their splits, in order.
        known: The one that was chosen before.
        trained_on: Data sets that are trained on.
        ending: The training is over.
    """
    trained = set(trained_on)
    held_out = [split for one, split in found if one.data not in trained and split.kind != "train"]
    if known is not None:
        if known in [split for _, split in found]:
            return known
        if ending or not held_out or known.times > 1:
            return None
    if not held_out:
        return None
    for kind in ("val", None, "test"):
        alike = [split for split in held_out if split.kind == kind]
        if alike:
            # Nothing says which: the training set comes first where it is evaluated at all, a test last.
            left_out = len(held_out) < len(found)
            return alike[0] if left_out or len(alike) == 1 else alike[1]
    return None


def _named(one: Pass) -> dict[str, tuple[str, ...]]:
    """Data that enters functions, by argument: what it is called outside, where it is called otherwise there."""
    found = {name: value for name, value in one.batches[0].marks.items() if isinstance(value, tuple)}
    outside = {key: tuple(v for v in names if v != key.rpartition(".")[2]) for key, names in found.items()}
    return {key: names for key, names in outside.items() if names}


def _name(one: Pass) -> str | None:
    words = _words(one)
    return next((word for word in words if kind_of(word)), None)


def _kind(one: Pass) -> str | None:
    name = _name(one)
    return kind_of(name) if name is not None else None


def _words(one: Pass) -> list[str]:
    """What names a split: values that tell it from others, then its arguments, then the functions that evaluate it."""
    words = [value for value in one.told.values() if isinstance(value, str)]
    for name, value in one.batches[0].marks.items():
        if isinstance(value, tuple):
            words += value
        elif name in one.batches[0].arguments:
            words.append(value)
    functions = [site.code.co_name for site in one.chain]
    return words + [
        name for name in functions if kind_of(name) != "train"
    ]  # training, too, is where it is called
