"""The rule `clipping-too-tight`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import ClipCall
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, WIRING
from surefoot.rules.progress import progress


@rule(
    "clipping-too-tight",
    severity="warning",
    needs=("series:loss",),
    since="0.1",
    follows=(*WIRING, *DATA, *START, "clip-ineffective", "exploding-gradient"),
)
def clipping_too_tight(
    history: History, *, factor: float = 0.02, share: float = 0.95, learned: float = 0.2
) -> Iterator[Draft]:
    """Clipping cuts nearly every gradient to a small part of itself.

    ## What it finds
    A clipping limit so far below the usual gradient norm that nearly every step is cut to a fiftieth or less,
    under an optimizer that scales with the gradient, in a training that does not get on.

    ## Why it matters
    The clip factor multiplies the rate: the training runs with a fiftieth of the rate that stands in the
    script.

    ## Evidence shown
    The limit, the usual norm before clipping, the usual clip factor, the share of steps that were cut.

    ## What to try
    A limit near the usual norm, or one that follows it (`surefoot run --autoclip`).

    ## When to ignore it
    Adam and its like do not depend on the gradients' scale: tight clipping is harmless there and not
    reported. Nor is it where the loss falls (more than 20 % of the way made, option `learned`).
    95 % of the steps must be clipped (option `share`), to a fiftieth or less (option `factor`, 0.02): ten
    times tighter than the median clip factor of AutoClip at its default.

    ## Source
    Seetharaman et al. 2020, "AutoClip", arXiv:2007.14469, on choosing the limit; the factor of 50 is ours.
    """
    seen = progress(history)
    if intent.scale_free(intent.main_optimizer(history)) or not seen.stuck(learned):
        return
    factors = history.series("clip_factor").finite.values
    if (
        len(factors) >= 20
        and float(np.mean(factors < 0.999)) >= share
        and float(np.median(factors)) <= factor
    ):
        threshold = history.series("clip_threshold").finite.values
        yield _finding(
            float(np.median(factors)), float(np.median(threshold)), float(np.mean(factors < 0.999)), None
        )
        return
    for call in history.facts(ClipCall):
        norm, limit = call.norm, call.limit
        if not norm or limit is None or call.function != "clip_grad_norm_":
            continue
        clipped = call.clipped or 0.0
        if clipped >= share and limit / norm <= factor and call.count >= 20:
            yield _finding(limit / norm, limit, clipped, call.place)
            return


def _finding(factor: float, limit: float, clipped: float, place: str | None) -> Draft:
    return Draft(
        title=(
            f"Clipping at {limit:.3g} cuts {clipped:.0%} of the gradients, usually to {factor:.2%} of their "
            "norm."
        ),
        fix="Raise the limit towards the usual gradient norm, or let it follow (surefoot run --autoclip).",
        evidence={"limit": limit, "usual clip factor": factor, "share of steps clipped": clipped},
        where=place,
        confidence=0.8,
    )
