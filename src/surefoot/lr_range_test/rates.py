"""A training's rates driven from its step hooks: set just before each step, given back right after it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rate a step is taken with; steps are those of the first optimizer that steps.

    Args:
        after: Steps at the training's own rates before it begins.
        rates: The rate of each step from then on, as the first group of the first optimizer has it; the others keep
            their proportion to it. None leaves the steps to `scale_to`.
        scale_to: Every rate that the training has, its schedule included, times what makes its first rate this one.
    """

    after: int = 0
    rates: Sequence[float] | None = None
    scale_to: float | None = None


class RateDriver:
    """Drives every optimizer by one plan; told of each step by its hooks.

    Args:
        plan: Which rate.

    Attributes:
        steps: Of the first optimizer so far.
        present: Its own rate, as the training was given it; None before its first step.
        trouble: Why it can't be driven.
    """

    def __init__(self, plan: Plan) -> None:
        self.steps = 0
        self.present: float | None = None
        self.trouble: str | None = None
        self._plan = plan
        self._main: weakref.ref[Optimizer] | None = None
        self._references: dict[int, float] = {}  # of groups, by id
        self._open: list[tuple[Optimizer, list[tuple[dict[str, Any], float]]]] = []
        self._kept: set[int] = set()

    @property
    def main(self) -> Optimizer | None:
        """The first optimizer that stepped."""
        return self._main() if self._main is not None else None

    @property
    def position(self) -> int:
        """How many driven steps the first optimizer has taken; negative before the plan begins."""
        return self.steps - self._plan.after

    def before(self, optimizer: Optimizer) -> None:
        """A step begins: set its rates."""
        if self._main is None:
            self._begin(optimizer)
        held: list[tuple[dict[str, Any], float]] = []
        self._open.append((optimizer, held))
        for group in optimizer.param_groups:
            if "lr" not in group or id(group) in self._kept:
                continue  # a wrapper's inner optimizer has the same groups
            reference = self._references.setdefault(id(group), reference_rate(group))
            wanted = self._rate(reference, float(group["lr"]))
            if wanted is not None:
                held.append((group, float(group["lr"])))
                self._kept.add(id(group))
                _set(group, wanted)

    def after(self, optimizer: Optimizer) -> bool:
        """A step has ended: give its rates back. Returns whether it was one of the first optimizer."""
        held: list[tuple[dict[str, Any], float]] = []
        while self._open:
            stepped, held = self._open.pop()
            if stepped is optimizer:
                break
        for group, rate in held:
            self._kept.discard(id(group))
            _set(group, rate)
        mine = optimizer is self.main and not self._open
        self.steps += mine
        return mine

    def _begin(self, optimizer: Optimizer) -> None:
        self._main = weakref.ref(optimizer)
        self.trouble = undrivable(optimizer)
        if self.trouble is None:
            rates = [reference_rate(group) for group in optimizer.param_groups if "lr" in group]
            self.present = next((rate for rate in rates if rate > 0), 0.0)

    def _rate(self, reference: float, now: float) -> float | None:
        place, present = self.position, self.present
        if place < 0 or present is None:
            return None
        if self._plan.rates is not None:
            rate = self._plan.rates[min(place, len(self._plan.rates) - 1)]
            return rate * (reference / present if present else 1.0)
        if self._plan.scale_to is not None and present:
            return now * self._plan.scale_to / present
        return None


def undrivable(optimizer: Optimizer) -> str | None:
    """Why an optimizer's rate can't be driven; None where it can."""
    if isinstance(optimizer, LBFGS):
        return (
            "LBFGS makes its steps from curvature, and its rate of 1 is the full step: a range test would say nothing "
            "of it; leave it at 1, with line_search_fn='strong_wolfe'"
        )
    if not any("lr" in group for group in optimizer.param_groups):
        return f"{type(optimizer).__name__} has no 'lr' in its parameter groups, so its rate can't be driven"
    return None


def reference_rate(group: dict[str, Any]) -> float:
    """The rate that a group was given, whatever a schedule has made of it.

    Example:
        >>> reference_rate({"lr": 1e-5, "initial_lr": 0.1}), reference_rate({"lr": 0.3})
        (0.1, 0.3)
    """
    given = group.get("max_lr", group.get("initial_lr", group["lr"]))  # OneCycleLR climbs to the first
    return float(given)


def _set(group: dict[str, Any], rate: float) -> None:
    lr = group["lr"]
    if isinstance(lr, Tensor):
        with torch.no_grad():
            lr.fill_(rate)  # a compiled or captured step holds this very tensor
    else:
        group["lr"] = rate
