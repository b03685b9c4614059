"""The rule `batch-mixing`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.records import Finding, History
from surefoot.rules.base import rule


@rule("batch-mixing", severity="error", needs=("fact:batch-mixing",), since="0.1")
def batch_mixing(history: History, *, change: float = 1e-3) -> Iterator[Finding]:
    """The output of one example depends on the other examples of the batch.

    ## What it finds
    A model in eval mode whose output for the first example changes when the other examples do: a `view` where
    a `permute` was meant, a softmax or a normalisation over the batch dimension.

    ## Why it matters
    Predictions depend on what else is in the batch; at inference, one by one, they are different ones.

    ## Evidence shown
    The relative change of the first example's output, and the first operation that mixed, where it was found.

    ## What to try
    Use `permute` or `transpose` to move dimensions, never `view`; take sums and softmax over the feature
    dimensions.

    ## When to ignore it
    If examples are meant to see each other (attention across the batch, contrastive heads). The check runs in
    eval mode, so batch norm does not count. A relative change of 1e-3 (option `change`) is far above
    rounding.

    ## Source
    A. Karpathy, "A Recipe for Training Neural Networks" (2019): "use backprop to chart dependencies".
    """
    for fact in history.facts_of("batch-mixing"):
        amount = fact.get("change") or 0.0
        if not fact.get("mixed") or amount < change:
            continue
        by = f" by {fact.get('operation')}" if fact.get("operation") else ""
        yield Finding(
            code="batch-mixing",
            severity="error",
            title=(
                f"{fact.subject} mixes the examples of a batch{by}: one output changes by {amount:.0%} with "
                "the others."
            ),
            fix=(
                "Move dimensions with permute or transpose instead of view, and reduce over features, not "
                "over the batch."
            ),
            evidence={"relative change": amount, "operation": fact.get("operation")},
            where=fact.get("place") or fact.subject,
            confidence=0.95,
        )
