"""The rule `targets-misaligned`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import TokenTargets
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("targets-misaligned", severity="error", needs=(TokenTargets,), since="0.1")
def targets_misaligned(history: History, *, agreement: float = 0.99) -> Iterator[Draft]:
    """The targets of a language model are shifted by other than one token.

    ## What it finds
    Targets that equal the model's own input tokens, not one but two positions and more behind the last token
    that their score depends on (shifted twice: by the data and again by the model), or exactly that token (not
    shifted at all: the model copies what it sees).

    ## Why it matters
    A model that learns the next token but one is worse at the next one, and generates every other token; one
    that copies has a loss of nothing and has learned nothing. No curve shows either.

    ## Evidence shown
    The share of targets that equal an input, how far on, and the last position that a score depends on.

    ## What to try
    Shift once: `labels = ids[1:]` in the data, or `logits[:, :-1]` against `labels[:, 1:]` in the model, not both.

    ## When to ignore it
    Sequences that are to be said again with a delay, and autoencoders, whose outputs depend on the whole
    sequence, are not reported. Several losses of one backward (heads for several tokens ahead) are not looked
    at. The option `agreement` (0.99) of the targets must be equal, and at no other shift nine in ten.

    ## Source
    huggingface/transformers issues 32944 and pull requests 37830, 47395.
    """
    for fact in history.facts(TokenTargets):
        if fact.offset is None or (fact.agreement or 0) < agreement:
            continue
        if fact.position is None or fact.depends_on is None or fact.depends_on < 0:
            continue
        ahead = fact.position + fact.offset - fact.depends_on
        if ahead == 0 and fact.offset <= 0:
            title = "Each target is the token that the model has just read: it learns to copy."
            fix = "Shift the targets by one: logits[:, :-1] against ids[:, 1:]."
        elif ahead >= 2:
            title = (
                f"Each target lies {ahead} tokens behind the last one that its score is made from, not one."
            )
            fix = "Shift once: in the data, or in the model, not in both."
        else:
            continue
        yield Draft(
            title=title,
            fix=fix,
            step=1,
            evidence={
                "targets that equal an input": fact.agreement,
                "positions from input to target": fact.offset,
                "position of a score": fact.position,
                "last position that it depends on": fact.depends_on,
            },
            where=fact.place,
            confidence=0.95,
        )
