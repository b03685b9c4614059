"""The rule `exploding-gradient`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, SCALE, START, STEP_SIZE, WIRING, WRONG_LOSS
from surefoot.rules.movement import Movement, movement
from surefoot.rules.progress import progress
from surefoot.rules.steepness import STEEP, answers, steep_from_start


@rule(
    "exploding-gradient",
    severity="warning",
    needs=("series:loss", "parameter:grad_norm", "parameter:param_norm"),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, *START, "lr-too-high"),
)
def exploding_gradient(
    history: History, *, answer: float = STEEP, growth: float = 100.0, learned: float = 0.7
) -> Iterator[Draft]:
    """Gradients explode.

    ## What it finds
    Gradients so large that, to first order, changing the weights by a thousandth of their size would change
    the whole loss; or that grow a hundredfold over the run while the loss does not fall. No absolute norm is
    looked at.

    ## Why it matters
    Down such a wall no step has the right size: the loss jumps, and the direction is noise.

    ## Evidence shown
    Gradient norm times weight norm over the loss (the answer), its median and its largest, the gradient norm
    at the start, median and last, and the layers with the largest share.

    ## What to try
    Clip the norm (`surefoot run --autoclip`); orthogonal recurrent weights, gated cells (LSTM, GRU), shorter
    sequences; normalisation layers or residual connections in deep nets.

    ## When to ignore it
    If clipping is on and the loss falls well: a training that has made 70 % of the way (option `learned`) is
    not reported. For a network of L layers without saturation the answer lies near L; usual trainings stay
    below 100, so 1000 (option `answer`) leaves a factor of ten.
    A growth of a hundredfold (option `growth`) is more than a healthy norm moves while the loss does not
    rise.

    ## Source
    Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063. Ours is scale-free: gradient and weights over loss.
    """
    seen, moved = progress(history), movement(history)
    if not seen.judged or not seen.enough or len(moved.steps) < 5 or seen.learned > learned:
        return
    found = answers(history)
    usual = float(np.median(found)) if len(found) else math.nan
    grown = _growth(history)
    steep = usual > answer
    growing = grown > growth and seen.trend > 0
    if not steep and not growing:
        return
    norms = history.series("grad_norm").finite.values
    yield Draft(
        title=_title(usual, grown, steep),
        fix="Clip the gradient norm (surefoot run --autoclip), and look at recurrent weights or depth.",
        evidence={
            "gradient times weights over loss, median": usual,
            "gradient times weights over loss, largest": float(np.max(found)) if len(found) else None,
            "gradient norm at the start": float(np.median(norms[:3])),
            "gradient norm, median": float(np.median(norms)),
            "gradient norm at the end": float(np.median(norms[-5:])),
            "growth": grown,
            "clipped by the script": intent.clipped_by_script(history),
        },
        where=_largest(history, moved),
        confidence=0.85,
        # Steep before the first step: neither the steps nor the size of the first loss are behind it.
        because=(*WRONG_LOSS, *SCALE, "saturated-units") if steep and steep_from_start(history) else (),
    )


def _growth(history: History) -> float:
    norms = history.series("grad_norm").finite.values
    if len(norms) < 40:
        return 0.0
    early, late = float(np.median(norms[: len(norms) // 5])), float(np.median(norms[-len(norms) // 5 :]))
    return late / early if early > 0 else 0.0


def _title(usual: float, grown: float, steep: bool) -> str:
    if steep:
        return (
            f"Gradients explode: moving the weights by 1/{usual:.3g} of their size would move the whole loss."
        )
    return (
        f"Gradients grow: their norm is {grown:.3g} times what it was early on, and the loss does not fall."
    )


def _largest(history: History, moved: Movement) -> str | None:
    profile = moved.profile
    if not len(profile) or np.all(np.isnan(profile)):
        return None
    return history.parameters[int(moved.columns[int(np.nanargmax(profile))])].name
