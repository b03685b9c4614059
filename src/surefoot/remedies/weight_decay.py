"""Less weight decay, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.optim import Optimizer

from surefoot.records import Finding, History
from surefoot.remedies.base import Proposal, Remedy
from surefoot.remedies.hooks import Hooks
from surefoot.remedies.rate import Lending
from surefoot.report.numbers import number


class LessWeightDecay(Remedy):
    """The decay divided by a hundred, and switched off."""

    name = "less-weight-decay"
    answers = ("weight-decay-too-strong",)
    said = "less weight decay"

    def proposals(self, finding: Finding, history: History) -> Iterator[Proposal]:
        """Both, said with the decay that the script has."""
        decays = [each.settings.get("weight_decay") for each in history.optimizers]
        decay = next((float(each) for each in decays if isinstance(each, int | float) and each), None)
        if decay is not None:
            yield self.proposal(finding, f"weight decay {number(decay)} -> 0", factor=0.0)
            yield self.proposal(
                finding, f"weight decay {number(decay)} -> {number(decay / 100)}", factor=0.01
            )

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Multiply it for the length of each step."""
        lending = Lending(hooks)

        def multiply(optimizer: Optimizer) -> None:
            for group in optimizer.param_groups:
                if group.get("weight_decay"):
                    lending.lent.set(group, "weight_decay", group["weight_decay"] * details["factor"])

        hooks.setting.append(multiply)
