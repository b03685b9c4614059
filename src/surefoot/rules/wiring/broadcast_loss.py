"""The rule `broadcast-loss`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from surefoot.facts import ManualLoss
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import training_losses

ELEMENTWISE = (
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "poisson_nll_loss",
    "gaussian_nll_loss",
    "soft_margin_loss",
    "binary_cross_entropy_with_logits",
)


@rule("broadcast-loss", severity="error", since="0.1")
def broadcast_loss(history: History) -> Iterator[Draft]:
    """Prediction and target differ in shape and are stretched against each other.

    ## What it finds
    An element-wise loss whose operands have shapes such as (32, 1) and (32,): PyTorch stretches both to (32,
    32) and compares every prediction with every target. Written by hand (`((p - y) ** 2).mean()`) too.

    ## Why it matters
    The best answer is then the mean of the targets, whatever the input. The loss falls to the targets'
    variance and stays; PyTorch's warning is printed once and gets lost.

    ## Evidence shown
    Both shapes and the shape they were stretched to; of a constant in a loss by hand the shape is not known.

    ## What to try
    Give both the same shape: `prediction.squeeze(1)` or `target.unsqueeze(1)`.

    ## When to ignore it
    A single number against a batch, or a shape that only one side is stretched to, is taken as meant and not
    reported; so is (n, 1) against (1, n), and in losses by hand a tensor against itself or against one with a
    dimension added by name (`unsqueeze`, `keepdim=True`): this is how pairwise losses are written.

    ## Source
    pytorch issue 16045; stackoverflow 51822974; NumPy's rules of broadcasting.
    """
    for call in training_losses(history, ELEMENTWISE):
        mine, other = _shape(call.input_shape), _shape(call.target_shape)
        result = _stretched(mine, other)
        if result is None:
            continue
        yield _finding(str(call.function), mine, other, result, call.place)
    for fact in history.facts(ManualLoss):
        met = fact.broadcast
        if met is not None:  # capture saw that the batch met itself; a constant's shape is not known
            mine, *rest = met.shapes
            other = rest[0] if rest else ()
            yield _finding("The loss", mine, other, met.to, fact.place or fact.subject)


def _shape(value: Sequence[int] | None) -> tuple[int, ...]:
    return tuple(int(n) for n in value or ())


def _stretched(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...] | None:
    """The broadcast shape if both operands had to be stretched to it, else None."""
    size = max(len(first), len(second))
    left, right = ((1,) * (size - len(s)) + s for s in (first, second))
    if any(a != b and 1 not in (a, b) for a, b in zip(left, right, strict=True)):
        return None
    result = tuple(max(a, b) for a, b in zip(left, right, strict=True))
    return result if math.prod(result) > max(math.prod(first), math.prod(second)) else None


def _finding(
    name: str, mine: tuple[int, ...], other: tuple[int, ...], result: tuple[int, ...], place: str | None
) -> Draft:
    against = f" against {list(other)}" if other else ""
    return Draft(
        title=f"{name} stretches shape {list(mine)}{against} to {list(result)}: all pairs are compared.",
        fix=(
            "Give prediction and target the same shape, for example target.unsqueeze(1) or "
            "prediction.squeeze(1)."
        ),
        step=1,
        evidence={
            "shape": list(mine),
            "against": list(other) or None,
            "stretched to": list(result),
        },
        where=place,
    )
