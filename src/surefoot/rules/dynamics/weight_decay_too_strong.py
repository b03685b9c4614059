"""The rule `weight-decay-too-strong`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING, WRONG_LOSS
from surefoot.rules.movement import Movement, movement
from surefoot.rules.progress import progress


@rule(
    "weight-decay-too-strong",
    severity="warning",
    needs=("series:loss", "parameter:param_norm"),
    since="0.1",
    follows=(*NO_LEARNING, *WRONG_LOSS),
)
def weight_decay_too_strong(
    history: History, *, left: float = 0.5, pull: float = 1.0, learned: float = 0.5
) -> Iterator[Draft]:
    """Weight decay pulls the weights to zero faster than the loss can hold them.

    ## What it finds
    Weights that have shrunk to less than half of their first size, under a decay whose pull (decay times
    weights) is as large as the gradient itself, in a training that does not get on.

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
    weights by less than 10 % in an epoch.
    The options are `left` (half of the first size) and `pull` (decay as strong as the gradient, 1).

    ## Source
    Krogh and Hertz 1991; Loshchilov and Hutter 2019, arXiv:1711.05101 (decoupled decay multiplies by 1 - rate
    * decay).
    """
    optimizer, seen, moved = intent.main_optimizer(history), progress(history), movement(history)
    decay = float(optimizer.settings.get("weight_decay") or 0) if optimizer is not None else 0.0
    if optimizer is None or decay <= 0 or not seen.judged or not seen.enough or len(moved.steps) < 5:
        return
    sizes = moved.weights
    shrunk = float(np.median(sizes[-3:]) / sizes[0]) if sizes[0] > 0 else 1.0
    force = _pull(moved, decay, optimizer.name)
    if shrunk > left or not force >= pull or not seen.learned < learned:
        return
    yield Draft(
        title=(
            f"Weight decay {decay:g} is too strong: the weights have shrunk to {shrunk:.0%} and the loss is "
            f"{seen.late:.3g}."
        ),
        fix="Divide the weight decay by ten or more.",
        evidence={
            "weight decay": decay,
            "weights at the start": float(sizes[0]),
            "weights now": float(np.median(sizes[-3:])),
            "decay's pull over the gradient": force,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
        },
        where=intent.place_of_rate(history),
        confidence=0.95,
    )


def _pull(moved: Movement, decay: float, name: str) -> float:
    """Decay times weights over gradient, median of the first half; infinite for decoupled decay."""
    if name.lower() in ("adamw", "muon", "lion"):
        return math.inf
    with np.errstate(all="ignore"):
        ratio = decay * moved.weights / moved.gradients
    ratio = ratio[np.isfinite(ratio)]
    return float(np.median(ratio[: max(3, len(ratio) // 2)])) if len(ratio) else 0.0
