"""The rule `loss-sum-reduction`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import BatchInput, ManualLoss
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import WIRING
from surefoot.rules.losses import training_losses
from surefoot.rules.progress import progress, root_factor


@rule(
    "loss-sum-reduction",
    severity="warning",
    needs=("series:loss",),
    since="0.1",
    follows=tuple(c for c in WIRING if c != "ranks-diverged"),
)
def loss_sum_reduction(history: History, *, learned: float = 0.3) -> Iterator[Draft]:
    """The loss is summed over the batch, and the rate is too large for that.

    ## What it finds
    A loss with `reduction="sum"` or a `.sum()` of one's own, not divided afterwards, whose optimizer scales
    with the gradient (SGD), in a training that does not get on.

    ## Why it matters
    The gradient is as many times larger as there are examples in a batch, and so is the step. The right rate
    changes with the batch size, and the last, smaller batch gets a smaller step.

    ## Evidence shown
    The batch size, the highest rate of the run and what a mean would see of it (unknown for descent by hand),
    and how the loss went.

    ## What to try
    `reduction="mean"`, or divide the loss by the batch size.

    ## When to ignore it
    With Adam and its like the scale cancels, and sums are usual (variational autoencoders): not reported.
    While the loss falls well it is information; a warning needs less than 30 % (option `learned`) of the way
    made.

    ## Source
    stackoverflow 41954308 and 43611745; linear scaling of rate and batch (Goyal et al. 2017,
    arXiv:1706.02677).
    """
    summed = _summed(history)
    optimizer = intent.main_optimizer(history)
    if summed is None or intent.scale_free(optimizer) or intent.adversarial(history):
        return
    size, place, by_hand = summed
    seen = progress(history)
    if len(seen.losses) + seen.nonfinite < 20:
        return
    suffers = seen.nonfinite > 0 or (seen.judged and seen.enough and seen.learned < learned)
    if by_hand and not suffers:
        return  # sums are usual in losses written out (episodes, energies)
    rate = intent.highest_rate(history)
    rates = {} if rate is None else {"highest rate": rate, "rate a mean would see": rate * size}
    yield Draft(
        severity="warning" if suffers else "information",
        title=(
            f"The loss is summed over {size} examples, so each step is {size} times as large as with the "
            "mean."
        ),
        fix='Use reduction="mean" (or divide the loss by the batch size).',
        evidence={
            "batch size": size,
            **rates,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
        },
        where=place,
        confidence=0.8 if by_hand else 0.9,
    )


def _summed(history: History) -> tuple[int, str | None, bool] | None:
    """Batch size and place of a loss that is summed and not divided, and whether it was written by hand."""
    call = next((c for c in training_losses(history) if c.reduction == "sum"), None)
    if call is not None:
        size = int(call.batch_size or 0)
        return (size, call.place, False) if size >= 4 and root_factor(history) >= 2 / size else None
    fact = next((f for f in history.facts(ManualLoss) if f.sum_root), None)
    if fact is None or training_losses(history):
        return None
    inputs = history.fact(BatchInput, "train")
    shape = inputs.shape if inputs is not None else None
    size = int(fact.batch_size or (shape[0] if shape else 0))
    return (size, fact.place or fact.subject, True) if size >= 4 else None
