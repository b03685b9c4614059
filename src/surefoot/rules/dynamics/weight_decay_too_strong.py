"""The rule `weight-decay-too-strong`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING, WRONG_LOSS
from surefoot.rules.movement import Movement, Vector, movement
from surefoot.rules.progress import progress

DECOUPLED = ("adamw", "muon", "lion")
_ALL = 0.999999  # of a step, at most


@rule(
    "weight-decay-too-strong",
    severity="warning",
    needs=("series:loss", "parameter:param_norm"),
    since="0.1",
    follows=(*NO_LEARNING, *WRONG_LOSS),
)
def weight_decay_too_strong(
    history: History, *, left: float = 0.5, pull: float = 0.7, learned: float = 0.5
) -> Iterator[Draft]:
    """Weight decay pulls the weights to zero faster than the loss can hold them.

    ## What it finds
    A training that does not get on under a decay whose pull (decay times weights) is as large as the gradient itself,
    before any clipping: weights that have shrunk to less than half of their first size, or steps of which the decay
    is as much as the gradient through the whole second half of the run.

    ## Why it matters
    The optimizer spends its steps on making the weights small. What the network has learned fades as it is
    learned.

    ## Evidence shown
    The decay, the norm of the weights at the start and now, the pull of the decay over the gradient, the
    loss.

    ## What to try
    Divide the decay by ten or more: 1e-4 to 5e-4 is usual with SGD, 0.01 to 0.1 with AdamW.

    ## When to ignore it
    If the loss falls (more than half of the way made, option `learned`). A decay in the usual range shrinks
    weights by less than 10 % in an epoch. Each optimizer is judged by itself.
    The options are `left` (half of the first size) and `pull` (decay over gradient, 0.7: where the two
    balance, a batch's gradient is longer than the pull by its noise; 0.8 to 1 in trainings that a decay of 0.3 to 3
    held up).

    ## Source
    Krogh and Hertz 1991; Loshchilov and Hutter 2019, arXiv:1711.05101 (decoupled decay multiplies by 1 - rate
    * decay).
    """
    for view in intent.each_optimizer(history):
        found = _judge(view, left, pull, learned)
        if found is not None:
            yield found
            return


def _judge(history: History, left: float, pull: float, learned: float) -> Draft | None:
    optimizer, seen, moved = intent.main_optimizer(history), progress(history), movement(history)
    decay = float(optimizer.settings.get("weight_decay") or 0) if optimizer is not None else 0.0
    if optimizer is None or decay <= 0 or not seen.judged or not seen.enough or len(moved.steps) < 5:
        return None
    sizes = moved.weights
    shrunk = float(np.median(sizes[-3:]) / sizes[0]) if sizes[0] > 0 else 1.0
    early, late = _pull(history, moved, decay, optimizer.name)
    faded = shrunk <= left and max(early, late) >= pull
    if not (faded or (late >= pull and shrunk < 1)) or not seen.learned < learned:
        return None
    how = (
        f"the weights have shrunk to {shrunk:.0%}"
        if faded
        else f"it pulls {late:.3g} times as hard as the gradient"
    )
    return Draft(
        title=f"Weight decay {decay:g} is too strong: {how} and the loss is {seen.late:.3g}.",
        fix="Divide the weight decay by ten or more.",
        evidence={
            "weight decay": decay,
            "weights at the start": float(sizes[0]),
            "weights now": float(np.median(sizes[-3:])),
            "decay's pull over the gradient, early": early,
            "decay's pull over the gradient, late": late,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
        },
        where=intent.place_of_rate(history),
        confidence=0.95,
    )


def _pull(history: History, moved: Movement, decay: float, name: str) -> tuple[float, float]:
    """Decay times weights over the gradient before clipping, medians of both halves; decoupled decay over the step."""
    with np.errstate(all="ignore"):
        if name.lower() in DECOUPLED:
            part = np.minimum(_rates(history, moved) * decay * moved.weights / moved.updates, _ALL)
            ratio = part / np.sqrt(1 - part**2)  # the rest of the step is the gradient's
        else:
            ratio = decay * moved.weights / moved.gradients * intent.clip_factor(history)
    ratio = ratio[np.isfinite(ratio)]
    if not len(ratio):
        return 0.0, 0.0
    half = max(1, len(ratio) // 2)
    return float(np.median(ratio[:half])), float(np.median(ratio[-half:]))


def _rates(history: History, moved: Movement) -> Vector | float:
    rates = history.series("lr").finite
    if not len(rates):
        return 0.0
    return rates.values[np.clip(np.searchsorted(rates.steps, moved.steps), 0, len(rates) - 1)]
