"""The rule `missing-zero-grad`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Cadence, Clearing
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule(
    "missing-zero-grad",
    severity="error",
    needs=(Clearing,),
    since="0.1",
    follows=("grads-cleared-before-step", "missing-step"),
)
def missing_zero_grad(history: History, *, share: float = 0.2, least: int = 2) -> Iterator[Draft]:
    """Gradients are not cleared between optimizer steps.

    ## What it finds
    Optimizer steps between which nobody cleared the gradients, so that each step uses the sum of all
    gradients since the start (or since the last clearing). Seen by the identity and version of the gradient
    tensors, not by values.

    ## Why it matters
    The update follows an ever growing sum of old gradients. It acts like momentum without friction: the loss
    swings, then rises.

    ## Evidence shown
    Intervals with and without clearing, the first step that used old gradients, the norm of what was left
    over.

    ## What to try
    Call `optimizer.zero_grad()` once before each `backward()`; under accumulation, once after each step.

    ## When to ignore it
    If gradients are meant to build up across steps. Accumulation over several backward calls before one step
    is recognised and is not reported. An option `share` (0.2) of uncleared intervals is asked for: a loop
    that clears once an epoch lies near 1, a healthy one at 0.
    Two intervals (option `least`) are waited for.

    ## Source
    PyTorch documentation of `Optimizer.zero_grad`; fault stackoverflow-60335387 of TrainCheck (OSDI 2025).
    """
    for fact in history.facts(Clearing):
        cleared, uncleared = fact.cleared, fact.uncleared
        left = fact.leftover_norm
        if left == 0 or uncleared < least or uncleared < share * (cleared + uncleared):
            continue
        cadence = history.fact(Cadence, fact.subject)
        often = "ever" if cleared == 0 else f"in {uncleared} of {cleared + uncleared} intervals"
        yield Draft(
            title=(
                f"Gradients are not cleared between steps ({fact.subject}: not cleared {often}), so old "
                "ones pile up."
            ),
            fix="Call optimizer.zero_grad() before each backward().",
            step=fact.first_uncleared,
            evidence={
                "intervals uncleared": uncleared,
                "intervals cleared": cleared,
                "norm left over": left,
                "optimizer": next((o.name for o in history.optimizers if o.subject == fact.subject), None),
            },
            where=cadence.step_place if cadence is not None else None,
        )
