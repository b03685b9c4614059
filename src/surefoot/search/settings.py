"""The settings of one member of a sweep, and all members of a grid or of random draws."""

from __future__ import annotations

import hashlib
import itertools
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.errors import SettingError
from surefoot.report.numbers import number
from surefoot.search.arguments import words
from surefoot.search.axes import Axis, Value

DRIVEN = ("lr", "optimizer", "schedule", "clip", "momentum", "weight-decay")  # set from hooks
_LONGEST_NAME = 90
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What is set in some members of a sweep, one for each seed.

    Args:
        values: Name and value, in the order of the axes.
    """

    values: tuple[tuple[str, Value], ...] = ()

    def get(self, name: str) -> Any:
        """A value by its name; None where it isn't set."""
        return dict(self.values).get(name)

    @property
    def arguments(self) -> list[str]:
        """What the script is given beside its own arguments."""
        return [word for name, value in self.values if name not in DRIVEN for word in words(name, str(value))]

    @property
    def said(self) -> str:
        """In words.

        Example:
            >>> Setting((("lr", 0.01), ("optimizer", "adamw"), ("--hidden", "64"))).said
            'lr 0.01, optimizer adamw, --hidden 64'
        """
        return ", ".join(f"{name.rstrip('=')} {shown(value)}" for name, value in self.values) or "as it is"


@dataclass(frozen=True, slots=True)
class Member:
    """One training.

    Args:
        setting: What is set in it.
        seed: Number of its seed; 0 leaves the script's own.
    """

    setting: Setting
    seed: int

    @property
    def name(self) -> str:
        """Of its run: the same for the same settings.

        Example:
            >>> Member(Setting((("lr", 0.01), ("optimizer", "adamw"))), 2).name
            'lr=0.01,optimizer=adamw,seed=2'
        """
        said = ",".join(f"{name.strip('-=')}={_text(value)}" for name, value in self.setting.values)
        whole = f"{said},seed={self.seed}" if said else f"seed={self.seed}"
        plain = re.sub(r"[^\w.,=()+-]+", "-", whole)
        if plain == whole and len(plain) <= _LONGEST_NAME:
            return plain
        return f"{plain[:_LONGEST_NAME]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.setting.said}, seed {self.seed}"


def shown(value: Value) -> str:
    """A value for people."""
    return number(value) if isinstance(value, float) else str(value)


def _text(value: Value) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def grid(axes: Sequence[Axis]) -> list[Setting]:
    """Every combination.

    Raises:
        SettingError: A range without a count, or more than can be meant.

    Example:
        >>> [s.said for s in grid([Axis("optimizer", ("sgd", "adam")), Axis("lr", (0.1, 0.01))])]
        ['optimizer sgd, lr 0.1', 'optimizer sgd, lr 0.01', 'optimizer adam, lr 0.1', 'optimizer adam, lr 0.01']
    """
    endless = next((axis for axis in axes if axis.continuous), None)
    if endless is not None:
        span = f"{endless.low:g}:{endless.high:g}"
        raise SettingError(
            f"--{endless.name} {span} has no count, so there is no grid: write {span}:log7, or draw with --random 20."
        )
    count = math.prod(len(axis.values) for axis in axes)
    if count > _MOST:
        raise SettingError(f"the grid has {count:,} settings: leave some out, or draw with --random 20.")
    names = [axis.name for axis in axes]
    return [
        Setting(tuple(zip(names, values, strict=True)))
        for values in itertools.product(*(axis.values for axis in axes))
    ]


def drawn(axes: Sequence[Axis], count: int, seed: int = 0) -> list[Setting]:
    """Random draws, no two the same; the same for the same seed.

    Example:
        >>> len(drawn([Axis("lr", (), 1e-4, 1.0)], 5))
        5
    """
    source = random.Random(seed)
    found: dict[Setting, None] = {}
    for _ in range(20 * count):  # a grid of few settings has no more to give
        if len(found) == count:
            break
        found[Setting(tuple((axis.name, _draw(axis, source)) for axis in axes))] = None
    return list(found)


def _draw(axis: Axis, source: random.Random) -> Value:
    if not axis.continuous:
        return source.choice(axis.values)
    assert axis.low is not None
    assert axis.high is not None
    if axis.log:
        value = math.exp(source.uniform(math.log(axis.low), math.log(axis.high)))
    else:
        value = source.uniform(axis.low, axis.high)
    return float(f"{value:.3g}")


def setting_of(values: Mapping[str, Value]) -> Setting:
    """A setting from its values by name."""
    return Setting(tuple(values.items()))
