"""Another learning rate: every optimizer's, its schedule with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.optim import Optimizer

from surefoot.optimizers.lent import Lent
from surefoot.records import Finding, History
from surefoot.remedies.base import Proposal, Remedy
from surefoot.remedies.hooks import Hooks
from surefoot.report.numbers import number


class _Rate(Remedy):
    factors: tuple[float, ...]

    def proposals(self, finding: Finding, history: History) -> Iterator[Proposal]:
        """Each factor, said with the rate that the script has."""
        rate = rate_of(history)
        if rate:
            for factor in self.factors:
                yield self.proposal(finding, f"rate {number(rate)} -> {number(rate * factor)}", factor=factor)

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Multiply the rate for the length of each step."""
        lending = Lending(hooks)

        def multiply(optimizer: Optimizer) -> None:
            for group in optimizer.param_groups:
                if "lr" in group:
                    lending.lent.set(group, "lr", float(group["lr"]) * details["factor"])

        hooks.setting.append(multiply)


class LowerRate(_Rate):
    """The rate divided."""

    name = "lower-rate"
    answers = (
        "lr-too-high", "loss-spike", "exploding-gradient", "nonfinite-loss", "nonfinite-gradient", "dead-units",
        "constant-output", "noisy-gradient", "loss-sum-reduction",
    )  # fmt: skip
    said = "a lower rate"
    factors = (0.1, 0.01)


class RaiseRate(_Rate):
    """The rate multiplied."""

    name = "raise-rate"
    said = "a higher rate"
    factors = (10.0, 100.0, 1000.0)
    answers = ("lr-too-low", "plateau", "undertrained")


class Lending:
    """What groups hold for the length of a step, given back after it."""

    def __init__(self, hooks: Hooks) -> None:
        self.lent = Lent()
        hooks.after_step.append(lambda optimizer: self.lent.give_back())


def rate_of(history: History) -> float | None:
    """The rate that the main optimizer was made with."""
    main = next((each for each in history.optimizers if each.index == history.main), None)
    rate = main.settings.get("lr") if main is not None and not main.manual else None
    return float(rate) if isinstance(rate, int | float) and rate > 0 else None
