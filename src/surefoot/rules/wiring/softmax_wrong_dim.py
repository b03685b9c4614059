"""The rule `softmax-wrong-dim`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import feeding, operation, rows_sum_to_one, training_losses


@rule("softmax-wrong-dim", severity="error", needs=(LossCall,), since="0.1")
def softmax_wrong_dim(history: History, *, tolerance: float = 0.05) -> Iterator[Draft]:
    """Softmax is taken over a dimension that is not the classes.

    ## What it finds
    A softmax or log-softmax in front of the loss whose results do not sum to one over the class dimension: it
    was taken over the batch, over time, or over a dimension that a reshape has mixed. Also a softmax over the
    batch dimension in front of any loss on two-dimensional outputs.

    ## Why it matters
    Examples of a batch compete with each other instead of classes; no prediction is a distribution.

    ## Evidence shown
    The dimension, the shape, least and greatest sum over the classes.

    ## What to try
    `softmax(x, dim=1)` for outputs of shape (batch, classes, …), `dim=-1` where the classes are last.

    ## When to ignore it
    If examples should compete (a softmax over candidates stacked in the batch).
    The option `tolerance` (0.05) leaves room for half precision and smoothing constants.

    ## Source
    PYSIASSIST (SANER 2024), pattern 10; discuss.pytorch.org 77250.
    """
    for call in training_losses(history):
        kind = _kind(call.chain)
        if kind not in ("Softmax", "LogSoftmax"):
            continue
        shape = list(call.input_shape or ())
        over_batch = kind == "Softmax" and _over_batch(call, shape)
        if not over_batch and not _sums_off(call, kind, tolerance):
            continue
        yield Draft(
            title=_title(call, kind, shape, over_batch),
            fix=(
                "Take softmax over the class dimension: dim=1 for (batch, classes, …), dim=-1 if classes "
                "are last."
            ),
            step=1,
            evidence={
                "dimension": call.softmax_dim,
                "shape": shape,
                "sums over the classes": [call.rowsum_min, call.rowsum_max],
                "largest |log-sum-exp|": call.logsumexp_absmax,
            },
            where=call.place,
        )


def _kind(chain: Sequence[str]) -> str:
    """What feeds the loss; the logarithm of a softmax is a log-softmax in two steps."""
    kind, rest = feeding(chain), list(chain)
    while rest and operation(rest[0]) != kind:
        rest.pop(0)
    return "LogSoftmax" if kind == "Log" and feeding(rest[1:]) == "Softmax" else kind


def _over_batch(call: LossCall, shape: list[int]) -> bool:
    dim = call.softmax_dim
    # A softmax over the only dimension is one example's classes.
    return dim is not None and len(shape) >= 2 and shape[0] > 1 and dim in (0, -len(shape))


def _sums_off(call: LossCall, kind: str, tolerance: float) -> bool:
    if (call.classes or 0) < 2 or (call.function == "kl_div" and len(call.input_shape or ()) > 2):
        return False  # which dimension the classes of a map are in, kl_div does not say
    if kind == "Softmax":
        return rows_sum_to_one(call, tolerance) is False
    off = call.logsumexp_absmax
    return off is not None and not math.isnan(off) and off > tolerance and _wants_log_probabilities(call)


def _wants_log_probabilities(call: LossCall) -> bool:
    return call.function in ("nll_loss", "kl_div", "cross_entropy")


def _title(call: LossCall, kind: str, shape: list[int], over_batch: bool) -> str:
    name = "softmax" if kind == "Softmax" else "log_softmax"
    if over_batch:
        dim = call.softmax_dim
        return f"{name} runs over the batch (dim={dim} of shape {shape}), not over the classes."
    return f"{name} runs over the wrong dimension: its results do not sum to one over the classes."
