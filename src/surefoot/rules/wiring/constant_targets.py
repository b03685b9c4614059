"""The rule `constant-targets`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Calls, LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.intent import adversarial, ended, main_cadence
from surefoot.rules.losses import span, training_losses

LABELS = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits")


@rule(
    "constant-targets",
    severity="error",
    needs=(LossCall,),
    since="0.1",
    follows=("unshuffled-data",),
)
def constant_targets(history: History, *, least: int = 5) -> Iterator[Draft]:
    """Every target is the same.

    ## What it finds
    Labels that take a single value over all batches looked at (or regression targets that are one constant
    other than zero): scaled to nothing by an integer cast, read from the wrong column, cut by a filter.

    ## Why it matters
    The model learns to say one thing. The training loss falls to zero and looks splendid; validation shows
    nothing.

    ## Evidence shown
    The value, the number of batches looked at and the examples in one, the number of classes the model has.

    ## What to try
    Print a few targets; look for `y / 255` on labels, `.long()` of fractions, a wrong column.

    ## When to ignore it
    Losses of several players (a GAN's ones and zeros) and targets that are constant zero (a residual of
    physics) are not reported; nor labels of scores that no weight makes, one for each class: similarities
    within a batch or to a queue, one column of which holds the positives (InfoNCE). Nor is one call among
    others with varied targets, nor a term of a sum. At least 5 batches (option `least`) are needed.

    ## Source
    DeepFD, case 15; stackoverflow 59325381.
    """
    calls = [c for c in training_losses(history) if c.target]
    if not calls or adversarial(history) or not all(_constant(c) for c in calls):
        return
    call = calls[0]
    value = span(call.target)[0]
    labels = call.function in LABELS
    count = call.looked
    if count < least or (not labels and (value == 0 or not ended(history))):
        return
    if not labels and not _alone(history, call):
        return
    classes = call.classes
    if labels and classes and not _made_by_a_weight(history, int(classes)):
        return
    yield Draft(
        title=f"Every target in the {count} batches looked at is {value:g}: there is nothing to tell apart.",
        fix=(
            "Look at how the targets are made; an integer cast after scaling, or a wrong column, makes "
            "them all equal."
        ),
        step=1,
        evidence={
            "value": value,
            "batches looked at": count,
            "batch size": call.batch_size,
            "classes": classes,
        },
        where=call.place,
        confidence=0.95 if labels else 0.8,
    )


def _alone(history: History, call: LossCall) -> bool:
    """Whether this call is the whole loss: one for each backward, on more than one number, nothing added."""
    backwards = max((f.backwards for f in history.facts(Calls)), default=0)
    cadence = main_cadence(history)
    single = cadence is None or cadence.root_over_loss is not None
    return single and (call.batch_size or 0) > 1 and call.count <= 1.2 * backwards


def _made_by_a_weight(history: History, classes: int) -> bool:
    """Whether a weight has a row or column for each class; scores without one are similarities of examples."""
    shapes = [parameter.shape for parameter in history.parameters]
    return not shapes or any(classes in shape for shape in shapes)


def _constant(call: LossCall) -> bool:
    low, high = span(call.target)
    return low == high and call.target_distinct in (None, 0, 1)
