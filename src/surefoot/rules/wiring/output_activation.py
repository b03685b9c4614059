"""The rule `output-activation`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import CROSS_ENTROPY, LOGITS, REGRESSION, feeding, span, training_losses

# Range of each activation that can end a network; None: unbounded on that side.
RANGES: dict[str, tuple[float | None, float | None]] = {
    "Relu": (0.0, None),
    "Softplus": (0.0, None),
    "Exp": (0.0, None),
    "Sigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "LogSoftmax": (None, 0.0),
    "LogSigmoidForward": (None, 0.0),
}


@rule("output-activation", severity="error", needs=(LossCall,), since="0.1")
def output_activation(history: History, *, share: float = 0.05) -> Iterator[Draft]:
    """The last activation keeps the model from reaching its targets.

    ## What it finds
    A regression whose output ends in an activation that cannot take the values of the targets (ReLU with
    negative targets, sigmoid or tanh with targets outside of its range), and a ReLU or tanh on the logits of
    a classification loss.

    ## Why it matters
    What lies outside cannot be predicted, however long it trains; where a ReLU is at zero there is no
    gradient either.

    ## Evidence shown
    The activation, its range, the range of the targets, the part of the targets' range that is out of reach.

    ## What to try
    End the model with a linear layer, or scale the targets into the activation's range.

    ## When to ignore it
    If targets outside of the range are outliers to be cut. Less than 5 % of the targets' range out of reach
    (option `share`) is not reported.

    ## Source
    DeepFD, case 5 (stackoverflow 48251943); stackoverflow 60801900.
    """
    for call in training_losses(history, REGRESSION):
        kind = feeding(call.chain)
        lost = _out_of_reach(call, kind)
        if lost > share:
            yield _regression(call, kind, lost)
    for call in training_losses(history, (*CROSS_ENTROPY, *LOGITS)):
        kind = feeding(call.chain)
        low, high = span(call.input)
        if (kind == "Relu" and low == 0) or (kind == "Tanh" and low >= -1 and high <= 1):
            yield _classification(call, kind)


def _out_of_reach(call: LossCall, kind: str) -> float:
    """Share of the targets' range that the activation cannot produce."""
    if kind not in RANGES:
        return 0.0
    (bottom, top), (low, high) = RANGES[kind], span(call.target)
    if not high > low:
        return 0.0
    below = max(0.0, bottom - low) if bottom is not None else 0.0
    above = max(0.0, high - top) if top is not None else 0.0
    return min(1.0, (below + above) / (high - low))


def _regression(call: LossCall, kind: str, lost: float) -> Draft:
    low, high = span(call.target)
    return Draft(
        title=(
            f"The output ends in {kind.lower()}, which cannot reach {lost:.0%} of the targets' range "
            f"({low:.3g} to {high:.3g})."
        ),
        fix=f"End the model without {kind.lower()}, or scale the targets into its range.",
        step=1,
        evidence={
            "activation": kind.lower(),
            "its range": list(RANGES[kind]),
            "targets": [low, high],
            "out of reach": lost,
        },
        where=call.place,
        confidence=0.95,
    )


def _classification(call: LossCall, kind: str) -> Draft:
    return Draft(
        severity="warning",
        title=(
            f"A {kind.lower()} stands between the model and {call.function}, which wants unbounded scores."
        ),
        fix=f"Remove the {kind.lower()} behind the last layer.",
        step=1,
        evidence={"activation": kind.lower(), "range of the inputs": list(span(call.input))},
        where=call.place,
        confidence=0.9,
    )
