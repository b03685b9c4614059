"""The rule `unscaled-targets`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import moments, span
from surefoot.rules.progress import Progress, progress, stretches
from surefoot.rules.scale import large_targets


@rule(
    "unscaled-targets",
    severity="warning",
    needs=("series:loss",),
    since="0.1",
)
def unscaled_targets(
    history: History, *, learned: float = 0.3, way: float = 0.7, far: float = 3.0, fall: float = 0.15
) -> Iterator[Draft]:
    """The targets of a regression are not scaled, and the training suffers from it.

    ## What it finds
    Regression targets with a mean or deviation of 25 and more, in a training that scores hardly better than
    the mean of the targets would, or runs away.

    ## Why it matters
    A fresh network answers with numbers around zero. It must first travel to the targets' size, which small
    steps take for ever to do and large ones overshoot.

    ## Evidence shown
    Mean, deviation and range of the targets, the loss at the start and at the end, and the loss of predicting
    the mean.

    ## What to try
    Standardise the targets, and undo it on the predictions; or start the last bias at the targets' mean.

    ## When to ignore it
    If the training gets on: with more than 30 % of the way made (option `learned`) nothing is reported; where the
    first losses were three times what the mean of the targets scores (option `far`) and the last fifth of the run
    still took 15 % off (option `fall`), with more than 70 % (option `way`): the outputs are then still on their way
    to the targets' size.

    ## Source
    stackoverflow 45154470 and 52800582 (DeepFD, case 17); Bishop 1995, chapter 8.
    """
    scale, seen = large_targets(history), progress(history)
    if scale is None or intent.adversarial(history) or len(seen.losses) + seen.nonfinite < 30:
        return
    if not (
        seen.nonfinite > 0 or (seen.judged and seen.learned < learned) or _on_its_way(seen, way, far, fall)
    ):
        return
    mean, deviation = moments(scale.fact.target)
    yield Draft(
        title=f"The targets are unscaled (mean {mean:.3g}, deviation {deviation:.3g}): loss {seen.late:.3g}"
        + (f", predicting their mean would score {seen.chance:.3g}." if seen.chance else "."),
        fix=(
            "Standardise the targets with the training set's mean and deviation, and undo it on the "
            "predictions."
        ),
        evidence={
            "mean": mean,
            "deviation": deviation,
            "range": list(span(scale.fact.target)),
            "loss at the start": seen.start,
            "loss at the end": seen.late,
            "predicting the mean scores": seen.chance,
        },
        where=scale.fact.place,
        confidence=0.85,
    )


def _on_its_way(seen: Progress, way: float, far: float, fall: float) -> bool:
    parts = stretches(seen.losses)
    return (
        seen.judged
        and seen.chance is not None
        and seen.start > far * seen.chance
        and seen.learned < way
        and len(parts) > 2
        and bool(parts[-1] < (1 - fall) * parts[-3])
    )
