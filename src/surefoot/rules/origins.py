"""Where a value that is not finite came from, in words, and the fix that fits that operation."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.facts import Nonfinite, SteepOperation
from surefoot.records import History
from surefoot.rules.losses import operation

# Operation -> what mends it. A mask in front of the loss needs another one: the operation still sees what is masked.
FIXES: dict[str, str] = {
    "Sqrt": "Add a small constant inside the root (sqrt(x + 1e-12)), or clamp its argument away from zero.",
    "Rsqrt": "Add a small constant inside the root (rsqrt(x + 1e-12)).",
    "Acos": "Clamp the argument of the arc cosine to the inside of (-1, 1).",
    "Asin": "Clamp the argument of the arc sine to the inside of (-1, 1).",
    "Exp": "Subtract the maximum in front of the exponential (torch.logsumexp, log_softmax), or clamp its argument.",
    "Div": "Add a small constant to the divisor, or clamp it away from zero.",
    "Reciprocal": "Add a small constant to the divisor, or clamp it away from zero.",
}
LOGARITHM = "Clamp what enters the logarithm (log(x + 1e-12)), or use the loss function that works on logits."
LOGSUMEXP = "Use torch.logsumexp (or log_softmax) in the place of the logarithm of a sum of exponentials."
MASK = "Mask the argument of {} (torch.where in front of it), and not only its result: the gradient goes through both."

# A root or logarithm that no inspected batch brought nearer to its edge than this is no suspect.
NEAR = 1e-2


def suspect(history: History) -> SteepOperation | None:
    """The operation that came nearest to where its derivative is infinite; None where none came near."""
    near = [fact for fact in history.facts(SteepOperation) if fact.least <= NEAR]
    # A divisor is small in many a sound loss: it comes last.
    return min(near, key=lambda fact: ("Div" in fact.operation, fact.least), default=None)


def fix_of(origin: Nonfinite | SteepOperation) -> str | None:
    """What mends the operation; None where nothing in particular does."""
    plain = operation(origin.operation or "")
    if origin.masked and plain:
        return MASK.format(f"the {plain.lower()}")
    if "exponential" in (origin.detail or "") and plain.startswith("Log"):
        return LOGSUMEXP
    return LOGARITHM if plain.startswith("Log") and plain != "Logsumexp" else FIXES.get(plain)


def good_before(values: Sequence[float], start: float) -> bool:
    """Whether the losses before had left the start behind: what the start was like is no cause of what came then."""
    known = [value for value in values if math.isfinite(value)]
    return len(known) >= 10 and start > 0 and min(known) < 0.5 * start
