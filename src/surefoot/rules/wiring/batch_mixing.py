"""The rule `batch-mixing`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import BatchMixing
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("batch-mixing", severity="error", needs=(BatchMixing,), since="0.1")
def batch_mixing(history: History) -> Iterator[Draft]:
    """The output of one example depends on the other examples of the batch.

    ## What it finds
    A model whose output for one example depends on the other examples: the gradient of the last example's
    output, taken back through the loss's graph, must be zero at the rows of all others, and is not. A `view`
    where a `permute` was meant does this, a softmax over the batch dimension, attention or a recurrent layer
    that takes examples for time steps. One batch is examined, as it is trained on, at the training's first
    losses; the model is not run again.

    ## Why it matters
    Predictions depend on what else is in the batch; at inference, one by one, they are different ones.

    ## Evidence shown
    The largest gradient of the last example's output at the other examples' rows and at its own, in front of
    the operation that mixed, nearest to the output first. A batch that was viewed with its dimensions exchanged
    shows itself without a gradient.

    ## What to try
    Use `permute` or `transpose` to move dimensions, never `view`; take sums and softmax over the feature
    dimensions.

    ## When to ignore it
    If examples are meant to see each other (attention across the batch, contrastive heads). Batch norm mixes on
    purpose: behind it nothing is said, and neither of a product with data (an adjacency matrix) or of a mean
    over the batch.

    ## Source
    A. Karpathy, "A Recipe for Training Neural Networks" (2019): "use backprop to chart dependencies".
    """
    for fact in history.facts(BatchMixing):
        if not fact.mixed:
            continue
        yield Draft(
            title=(
                f"{fact.subject} mixes the examples of a batch by {fact.operation}: the output of one "
                "example depends on the others."
            ),
            fix=_fix(str(fact.operation)),
            evidence={
                "operation": fact.operation,
                "gradient at the other examples": fact.others_gradient,
                "gradient at its own": fact.own_gradient,
            },
            where=fact.place or fact.subject,
            confidence=0.95,
        )


def _fix(operation: str) -> str:
    if any(word in operation.upper() for word in ("RNN", "LSTM", "GRU", "ATTENTION")):
        return (
            "Make the layer with batch_first=True, or give it (time, batch, features) by x.transpose(0, 1)."
        )
    if "Norm" in operation or "Softmax" in operation:
        return "Normalise over the features (dim=-1), not over the batch (dim=0)."
    return "Move dimensions with permute or transpose instead of view, and reduce over features, not over the batch."
