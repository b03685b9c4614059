"""The rule `sigmoid-before-logits-loss`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import CROSS_ENTROPY, LOGITS, feeding, span, training_losses, within_unit

OWN_SIGMOID = (*LOGITS, "multilabel_soft_margin_loss", "soft_margin_loss", "sigmoid_focal_loss")


@rule("sigmoid-before-logits-loss", severity="error", needs=(LossCall,), since="0.1")
def sigmoid_before_logits_loss(history: History) -> Iterator[Draft]:
    """A loss that wants logits gets the output of a sigmoid or softmax.

    ## What it finds
    A sigmoid in front of a loss that applies sigmoid or softmax itself (`binary_cross_entropy_with_logits`,
    soft-margin losses, `cross_entropy`), or a softmax in front of the binary ones; behind reshapes and
    dropout too.

    ## Why it matters
    The loss squeezes values from [0, 1] a second time, into [0.5, 0.73]: with labels 0 and 1 it cannot fall
    below about 0.31 for the positive and 0.69 for the negative examples, and gradients are small.

    ## Evidence shown
    Which function feeds the loss, and the range of what entered it.

    ## What to try
    Give the raw scores to the loss; apply sigmoid only to read probabilities. Or keep the sigmoid and use
    `BCELoss`.

    ## When to ignore it
    Never known to be on purpose.

    ## Source
    Documentation of `torch.nn.BCEWithLogitsLoss`; PYSIASSIST (SANER 2024), pattern 10.
    """
    for call in training_losses(history, (*OWN_SIGMOID, *CROSS_ENTROPY)):
        kind = feeding(call.chain)
        binary = call.function in OWN_SIGMOID
        if not within_unit(call) or kind not in (("Sigmoid", "Softmax") if binary else ("Sigmoid",)):
            continue
        low, high = span(call.input)
        own = "sigmoid" if binary else "softmax"
        yield Draft(
            title=(
                f"{call.function} applies {own} itself but gets the output of a {kind.lower()} (in [0, 1])."
            ),
            fix=f"Remove the {kind.lower()} in front of the loss and give it the raw scores.",
            step=1,
            evidence={"in front of the loss": kind.lower(), "range of the inputs": [low, high]},
            where=call.place,
        )
