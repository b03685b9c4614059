"""The rule `padding-in-loss`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import TokenTargets
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("padding-in-loss", severity="warning", needs=(TokenTargets,), since="0.1")
def padding_in_loss(history: History, *, share: float = 0.2, rows: float = 0.8) -> Iterator[Draft]:
    """The loss counts the padding at the ends of sequences.

    ## What it finds
    Targets of which a fifth and more are padding, under a loss that counts them like any other: the
    `padding_idx` of the embedding that reads the same vocabulary is not the loss's `ignore_index`, or one token
    that stands nowhere else fills the ends of inputs and targets, by different lengths.

    ## Why it matters
    Padding is easy: the loss is low because of it, and most of the gradient teaches the model to say nothing.
    Scores are not comparable between batches of different lengths.

    ## Evidence shown
    The token, its share of the targets, the loss's `ignore_index`.

    ## What to try
    `ignore_index=` the padding token in the loss, or targets of -100 there.

    ## When to ignore it
    If the ends are to be predicted. Losses with weights, or without reduction (masked by hand), are not
    reported. Below a fifth of the targets (option `share`) nothing is said; without a declared `padding_idx`
    four rows in five (option `rows`) must end so in every batch looked at.

    ## Source
    lukas-blecher/LaTeX-OCR issue 305; documentation of `torch.nn.CrossEntropyLoss`.
    """
    for fact in history.facts(TokenTargets):
        counted = _declared(fact, share) or _seen(fact, share, rows)
        if counted is None or not fact.counts_all:
            continue
        token, part = counted
        yield Draft(
            title=f"{part:.0%} of the targets are padding (token {token}), and the loss counts them.",
            fix=f"Give the loss ignore_index={token}.",
            step=1,
            evidence={"token": token, "share of the targets": part, "ignore_index": fact.ignored},
            where=fact.place,
            confidence=0.9,
        )


def _declared(fact: TokenTargets, share: float) -> tuple[int, float] | None:
    """The padding that an embedding of the same vocabulary knows of."""
    if fact.padding is None or fact.padding == fact.ignored or (fact.padding_share or 0.0) < share:
        return None
    return fact.padding, fact.padding_share or 0.0


def _seen(fact: TokenTargets, share: float, rows: float) -> tuple[int, float] | None:
    """A token that fills the ends of inputs and targets, and stands nowhere else."""
    if fact.filling is None or fact.filling == fact.ignored or fact.filling < 0:
        return None
    often = (fact.filling_share or 0.0) >= share and (fact.filled_rows or 0.0) >= rows
    ends_only = fact.filling_elsewhere == 0 and (fact.filling_varies or 0) >= 3
    return (fact.filling, fact.filling_share or 0.0) if often and ends_only else None
