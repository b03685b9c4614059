"""The rule `accumulation-unscaled`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Cadence, ClipCall, LossCall
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule


@rule("accumulation-unscaled", severity="warning", needs=(Cadence,), since="0.1")
def accumulation_unscaled(history: History, *, regular: float = 0.8) -> Iterator[Draft]:
    """Gradients of several micro-batches are summed, and the loss is not divided by their number.

    ## What it finds
    A regular cadence of k backward calls from one line for one step, each on the mean loss of its micro-batch
    as it is.

    ## Why it matters
    The gradient is k times that of one large batch, and so is the step of SGD; a norm to clip at means
    something else.

    ## Evidence shown
    Backward calls for a step, the ratio of the value that backward starts from to the loss (1 means
    undivided).

    ## What to try
    Divide before backward: `(loss / k).backward()`.

    ## When to ignore it
    If the rate was chosen for the sum. Adam and its like do not change with the gradients' scale: for them,
    without clipping, it is reported as information only. Several backward calls from different lines are
    different losses and are not reported. The cadence must hold for 80 % of the steps (option `regular`).

    ## Source
    Accumulation in the documentation of Accelerate; transformers issue 34191.
    """
    for optimizer in history.optimizers:
        fact = history.fact(Cadence, optimizer.subject)
        if fact is None or fact.closure or (fact.backward_places or 1) > 1:
            continue
        micro, ratio = fact.micro_steps or 1, fact.root_over_loss
        if micro < 2 or (fact.regular or 0) < regular or ratio is None or fact.steps < 2:
            continue
        if ratio * micro < 1.5 or ratio < 0.75:  # divided by the number of micro-batches, or by anything else
            continue
        if any(c.reduction == "sum" for c in history.facts(LossCall)):
            continue  # a sum over examples is a sum over micro-batches too
        harmless = intent.scale_free(optimizer) and not history.facts(ClipCall)
        yield Draft(
            severity="information" if harmless else "warning",
            title=(
                f"{micro} backward() calls are summed for each step and the loss is not divided by {micro}."
            ),
            fix=f"Divide the loss before backward: (loss / {micro}).backward().",
            evidence={
                "backward calls a step": micro,
                "value of backward over loss": ratio,
                "optimizer": optimizer.name,
            },
            where=fact.backward_place,
            confidence=0.9,
        )
