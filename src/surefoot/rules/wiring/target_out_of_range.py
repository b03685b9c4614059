"""The rule `target-out-of-range`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import CROSS_ENTROPY, LOGITS, NLL, PROBABILITIES, span, training_losses

CRASH = re.compile(
    r"Target (-?\d+) is out of bounds|target.{0,40} between 0 and 1|t >= 0 && t < n_classes", re.I
)


@rule("target-out-of-range", severity="error", since="0.1")
def target_out_of_range(history: History, *, slack: float = 1e-4) -> Iterator[Draft]:
    """Targets lie outside of what the loss is defined for.

    ## What it finds
    Targets below 0 or above 1 for binary cross-entropy (labels of -1 and 1, percentages), class numbers that
    the output does not have, and scripts that die of that.

    ## Why it matters
    Outside of [0, 1] binary cross-entropy has no minimum: it falls below zero and on to minus infinity.

    ## Evidence shown
    Range of the targets seen, and the range allowed.

    ## What to try
    Map labels to 0 and 1 (`(y + 1) / 2`), number classes from 0, give the model an output for each class.

    ## When to ignore it
    Targets a rounding error outside (option `slack`, 1e-4) are not reported.

    ## Source
    discuss.pytorch.org 123902 and 57409; documentation of `torch.nn.BCELoss`.
    """
    seen = False
    for call in training_losses(history, (*PROBABILITIES, *LOGITS, *CROSS_ENTROPY, *NLL)):
        low, high = span(call.target)
        bottom, top = _allowed(call)
        if top is None or not (low < bottom - slack or high > top + slack):
            continue
        seen = True
        yield Draft(
            title=(
                f"{call.function} gets targets from {low:g} to {high:g}; it is defined for "
                f"{bottom:g} to {top:g}."
            ),
            fix=(
                "Map the targets into that range: labels 0 and 1, or classes numbered from 0 with an "
                "output for each."
            ),
            step=1,
            evidence={"targets seen": [low, high], "allowed": [bottom, top]},
            where=call.place,
        )
    error = history.run.error or ""
    if not seen and CRASH.search(error):
        yield Draft(
            title="The script ended because a target lies outside of the range of its loss.",
            fix="Number classes from 0 and give the model an output for each; binary labels must be 0 and 1.",
            evidence={"error": error},
            where=next((f.place for f in training_losses(history)), None),
        )


def _allowed(call: LossCall) -> tuple[float, float | None]:
    if call.function in (*PROBABILITIES, *LOGITS):
        return 0.0, 1.0
    classes = call.classes
    if not call.integer_target or not classes:
        return 0.0, None
    # Negative class numbers are what ignore_index (-100) looks like; the loss itself refuses all others.
    return float("-inf"), float(classes - 1)
