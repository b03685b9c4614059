"""The rule `target-leak`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import TokenTargets
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("target-leak", severity="error", needs=(TokenTargets,), since="0.1")
def target_leak(history: History, *, agreement: float = 0.99) -> Iterator[Draft]:
    """A model that predicts the next token sees that token.

    ## What it finds
    Targets that are the next input token, in a model whose score at a position depends on later positions:
    attention without a causal mask, a recurrent layer that runs both ways, a convolution that looks ahead.

    ## Why it matters
    The answer is in the input. The loss falls to nothing, in validation too, and what the model generates is
    noise, for there the next token is not given.

    ## Evidence shown
    The share of targets that equal the next input, a score's position and the last position that it depends on.

    ## What to try
    A causal mask (`is_causal=True`, `nn.Transformer.generate_square_subsequent_mask`), `bidirectional=False`,
    padding on the left alone.

    ## When to ignore it
    Models with a second embedding of the same tokens (an encoder that is meant to see them all), masked
    language models and autoencoders are not reported. The option `agreement` (0.99) of the targets must be the
    next token.

    ## Source
    Vaswani et al. 2017, section 3.2.3: "prevent leftward information flow"; found by a gradient taken along the
    time.
    """
    for fact in history.facts(TokenTargets):
        if fact.offset is None or fact.offset < 1 or (fact.agreement or 0) < agreement:
            continue
        if fact.position is None or fact.depends_on is None or fact.depends_on < fact.position + fact.offset:
            continue
        yield Draft(
            title=(
                f"The score at position {fact.position} depends on the tokens up to {fact.depends_on}, its own target "
                "among them: the answer leaks into the input."
            ),
            fix="Give attention a causal mask (is_causal=True), or make the layer run one way only.",
            step=1,
            evidence={
                "targets that equal a later input": fact.agreement,
                "positions from input to target": fact.offset,
                "position of a score": fact.position,
                "last position that it depends on": fact.depends_on,
            },
            where=fact.place,
            confidence=0.95,
        )
