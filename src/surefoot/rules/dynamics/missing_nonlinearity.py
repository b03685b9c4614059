"""The rule `missing-nonlinearity`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import LinearPair
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("missing-nonlinearity", severity="warning", needs=(LinearPair,), since="0.1")
def missing_nonlinearity(history: History) -> Iterator[Draft]:
    """Linear layers follow each other with nothing between them.

    ## What it finds
    Two or more linear or convolution layers in a row in a network without any nonlinearity.

    ## Why it matters
    Such layers together are one linear layer: the network can draw straight borders only, however deep it is.

    ## Evidence shown
    The layers, how many are in a row, the nonlinearities in the whole graph.

    ## What to try
    Put an activation (`nn.ReLU()`, `nn.GELU()`) between them.

    ## When to ignore it
    A linear model in two factors on purpose; a narrow middle (a bottleneck) is taken to be that. Where other
    layers have nonlinearities between them, a pair without (projections, depthwise convolutions) is
    information.

    ## Source
    A composition of linear maps is linear; stackoverflow 46181692.
    """
    pairs = [f for f in history.facts(LinearPair) if not f.bottleneck]
    if not pairs:
        return
    none_at_all = [f for f in pairs if not f.nonlinearities]
    pair = max(none_at_all or pairs, key=lambda f: f.layers or 2)
    row = pair.layers or 2
    sure = bool(none_at_all)
    tail = (
        "and there is no nonlinearity in the whole network" if sure else "with no nonlinearity between them"
    )
    yield Draft(
        severity="warning" if sure else "information",
        title=f"{row} linear layers follow each other ({pair.first}, {pair.second}) {tail}.",
        fix="Put an activation such as nn.ReLU() between the layers.",
        step=1,
        evidence={
            "pairs": [f.subject for f in pairs][:10],
            "layers in a row": row,
            "nonlinearities": pair.nonlinearities,
        },
        where=pair.second,
        confidence=0.9 if sure else 0.5,
    )
