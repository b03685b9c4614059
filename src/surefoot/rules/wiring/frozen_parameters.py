"""The rule `frozen-parameters`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Reach
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule(
    "frozen-parameters",
    severity="information",
    needs=(Reach,),
    since="0.1",
    follows=("all-parameters-frozen", "no-gradient", "parameters-not-optimized"),
)
def frozen_parameters(history: History) -> Iterator[Draft]:
    """The optimizer holds parameters that are frozen.

    ## What it finds
    Parameters with `requires_grad=False` in an optimizer that also holds trainable ones.

    ## Why it matters
    They will not change. For fine-tuning that is the purpose; after a copy-and-paste it is a surprise.

    ## Evidence shown
    Their number, their names, their share of the optimizer's entries.

    ## What to try
    Nothing if it is on purpose; else `requires_grad_(True)`.

    ## When to ignore it
    Fine-tuning with a frozen backbone.

    ## Source
    "Frozen parameters" in the usual check lists for a loss that does not decrease.
    """
    frozen = [p for p in history.parameters if p.optimizer is not None and not p.requires_grad]
    moving = [p for p in history.parameters if p.optimizer is not None and p.requires_grad]
    if not frozen or not moving:
        return
    share = sum(p.numel for p in frozen) / sum(p.numel for p in (*frozen, *moving))
    yield Draft(
        title=(
            f"{len(frozen)} of {len(frozen) + len(moving)} parameters in the optimizer are frozen and will "
            "not change."
        ),
        fix="Nothing, if this is fine-tuning; else set requires_grad_(True) on them.",
        evidence={"frozen": [p.name for p in frozen][:20], "share of entries": round(share, 3)},
        where=frozen[0].name,
    )
