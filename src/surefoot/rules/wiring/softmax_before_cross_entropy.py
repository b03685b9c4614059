"""The rule `softmax-before-cross-entropy`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import CROSS_ENTROPY, feeding, rows_sum_to_one, span, training_losses, within_unit


@rule("softmax-before-cross-entropy", severity="error", needs=(LossCall,), since="0.1")
def softmax_before_cross_entropy(history: History, *, tolerance: float = 5e-3) -> Iterator[Draft]:
    """Cross-entropy gets probabilities, though it applies softmax itself.

    ## What it finds
    A softmax in the autograd graph in front of `cross_entropy`, behind reshapes and dropout too; or, whatever
    made them, inputs to `cross_entropy` that lie in [0, 1] and whose rows sum to one within `tolerance`.

    ## Why it matters
    Softmax applied twice is nearly flat: even a perfect answer scores `ln(1 + (C-1)/e)` for C classes (0.55
    for three, 1.46 for ten), gradients shrink, and training is slow and stops early. Accuracy may still look
    fine.

    ## Evidence shown
    Least and greatest row sum, range of the inputs, the lowest loss that can be reached.

    ## What to try
    Give the raw scores (logits) to the loss and take softmax only to read probabilities.

    ## When to ignore it
    If the second softmax is meant as a smoothing. A log-softmax in front is harmless and is not reported.
    The option `tolerance` (5e-3) leaves room for half precision.

    ## Source
    Documentation of `torch.nn.CrossEntropyLoss`; pytorch issue 55902; TheDeepChecker, redundant softmax.
    """
    for call in training_losses(history, CROSS_ENTROPY):
        classes = call.classes or 0
        if classes < 2 or not within_unit(call) or not rows_sum_to_one(call, tolerance):
            continue
        low, high = span(call.input)
        if low == high and feeding(call.chain) != "Softmax":
            continue  # an untrained output of equal entries, by chance 1/C
        yield _finding(call, int(classes), low, high)


def _finding(call: LossCall, classes: int, low: float, high: float) -> Draft:
    floor = math.log(1 + (classes - 1) / math.e)
    seen = feeding(call.chain) == "Softmax"
    return Draft(
        title=(
            "cross_entropy gets softmax probabilities instead of logits: the loss cannot fall below "
            f"{floor:.2f}."
        ),
        fix="Remove the softmax and give the raw scores to the loss, which applies softmax itself.",
        step=1,
        evidence={
            "row sums": [call.rowsum_min, call.rowsum_max],
            "range of the inputs": [low, high],
            "lowest loss possible": round(floor, 4),
            "softmax in the graph": seen,
        },
        where=call.place,
        confidence=1.0 if seen else 0.95,
    )
