"""The rule `clipping-too-tight`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.facts import ClipCall
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, WIRING
from surefoot.rules.movement import movement
from surefoot.rules.progress import progress
from surefoot.rules.promise import promised

_ENOUGH = 20  # calls


@rule(
    "clipping-too-tight",
    severity="warning",
    needs=("series:loss",),
    since="0.1",
    follows=(*WIRING, *DATA, *START, "clip-ineffective", "exploding-gradient"),
)
def clipping_too_tight(
    history: History, *, factor: float = 0.02, share: float = 0.95, learned: float = 0.2, promise: float = 0.6
) -> Iterator[Draft]:
    """Clipping cuts nearly every gradient to a small part of itself.

    ## What it finds
    A clipping limit so far below the usual gradient norm that nearly every step is cut to a fiftieth or less,
    under an optimizer that scales with the gradient, in a training that does not get on. Or a limit on single entries
    that most of them lie at, with steps too small to get on.

    ## Why it matters
    The clip factor multiplies the rate: the training runs with a fiftieth of the rate that stands in the
    script.

    ## Evidence shown
    The limit, the usual norm before clipping, the usual clip factor, the share of steps that were cut.

    ## What to try
    A limit near the usual norm, or one that follows it (`surefoot run --autoclip`).

    ## When to ignore it
    Adam and its like do not depend on the gradients' scale: tight clipping is harmless there and not
    reported, unless what it leaves of an entry is below their eps. Nor is it where the loss falls (more than 20 % of
    the way made, option `learned`), unless the steps together promise less than 0.6 of the loss (option `promise`, see
    `lr-too-low`) and it is not half way.
    95 % of the steps must be clipped (option `share`), to a fiftieth or less (option `factor`, 0.02): ten
    times tighter than the median clip factor of AutoClip at its default.

    ## Source
    Seetharaman et al. 2020, "AutoClip", arXiv:2007.14469, on choosing the limit; the factor of 50 is ours.
    """
    for view in intent.each_optimizer(history):
        if _entries_matter(view) and _suffers(view, learned, promise):
            found = _attached(view, factor, share) or _called(view, factor, share) or _by_value(view, promise)
            if found is not None:
                yield found
                return


def _suffers(history: History, learned: float, promise: float) -> bool:
    seen = progress(history)
    return seen.stuck(learned) or (seen.stuck(0.5) and promised(history) <= promise)


def _entries_matter(history: History) -> bool:
    """Whether the gradient's scale reaches the step: it does not in Adam and its like, but for entries below eps."""
    optimizer = intent.main_optimizer(history)
    if optimizer is None or not intent.scale_free(optimizer):
        return True
    return _usual_entry(history) <= float(optimizer.settings.get("eps") or 0.0)


def _usual_entry(history: History) -> float:
    """Root mean square of the entries of the weights' gradients, as clipping left them."""
    moved = movement(history)
    entries = sum(history.parameters[int(column)].numel for column in moved.columns)
    known = moved.gradients[np.isfinite(moved.gradients)]
    return float(np.median(known)) / math.sqrt(entries) if len(known) and entries else math.inf


def _attached(history: History, factor: float, share: float) -> Draft | None:
    """A clipper of surefoot's."""
    factors = history.series("clip_factor").finite.values
    if len(factors) < _ENOUGH:
        return None
    clipped, usual = float(np.mean(factors < 0.999)), float(np.median(factors))
    if clipped < share or usual > factor:
        return None
    return _finding(usual, float(np.median(history.series("clip_threshold").finite.values)), clipped, None)


def _called(history: History, factor: float, share: float) -> Draft | None:
    """A limit on the norm, by the script's own call."""
    for call in history.facts(ClipCall):
        if not call.norm or call.limit is None or call.function != "clip_grad_norm_":
            continue
        clipped = call.clipped or 0.0
        if clipped >= share and call.limit / call.norm <= factor and call.count >= _ENOUGH:
            return _finding(call.limit / call.norm, call.limit, clipped, call.place)
    return None


def _by_value(history: History, promise: float) -> Draft | None:
    """A limit on each entry: at half of it and more for the usual entry, most of them are cut."""
    for call in history.facts(ClipCall):
        if call.function != "clip_grad_value_" or call.limit is None or call.count < _ENOUGH:
            continue
        entry = _usual_entry(history)
        if call.limit / 2 <= entry <= call.limit * 1.001 and promised(history) <= promise:
            return Draft(
                title=f"Clipping each entry at {call.limit:.3g} cuts most of them: what is left is {entry:.3g}.",
                fix="Raise the limit towards the usual entry, or clip the norm (surefoot run --autoclip).",
                evidence={
                    "limit": call.limit,
                    "usual entry": entry,
                    "promised, of the loss": promised(history),
                },
                where=call.place,
                confidence=0.8,
            )
    return None


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
