"""The rule `single-logit-softmax`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import CROSS_ENTROPY, NLL, feeding, span, training_losses


@rule("single-logit-softmax", severity="error", needs=(LossCall,), since="0.1")
def single_logit_softmax(history: History) -> Iterator[Draft]:
    """Softmax over a single output, which is always one.

    ## What it finds
    `cross_entropy` or `nll_loss` with one class, or a softmax over a dimension of size one in front of a
    loss.

    ## Why it matters
    The softmax of one number is 1 whatever the number: the output is constant and no gradient flows.

    ## Evidence shown
    The shape of the output, the range of what entered the loss.

    ## What to try
    For two classes with one output use `binary_cross_entropy_with_logits`; or give the model two outputs.

    ## When to ignore it
    Never known to be on purpose.

    ## Source
    discuss.pytorch.org 77250; definition of softmax.
    """
    for call in training_losses(history):
        reason = _reason(call)
        if reason is None:
            continue
        yield Draft(
            title=f"{reason}: the softmax of a single number is always 1, so nothing can be learned.",
            fix=(
                "Use binary_cross_entropy_with_logits on the single output, or give the model one output a "
                "class."
            ),
            step=1,
            evidence={
                "shape": list(call.input_shape or ()),
                "range of the inputs": list(span(call.input)),
            },
            where=call.place,
        )


def _reason(call: LossCall) -> str | None:
    shape = list(call.input_shape or ())
    classes = call.classes
    if call.function in (*CROSS_ENTROPY, *NLL) and classes == 1:
        return f"{call.function} gets one class (shape {shape})"
    if feeding(call.chain) == "Softmax" and span(call.input) == (1.0, 1.0):
        return f"A softmax runs over a dimension of size one (shape {shape})"
    return None
