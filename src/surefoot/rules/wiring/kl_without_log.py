"""The rule `kl-without-log`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import span, training_losses


@rule("kl-without-log", severity="error", needs=(LossCall,), since="0.1", follows=("softmax-wrong-dim",))
def kl_without_log(history: History, *, tolerance: float = 0.05) -> Iterator[Draft]:
    """`kl_div` gets an input that is no logarithm of probabilities.

    ## What it finds
    Inputs of `kl_div` (its first argument) above zero: probabilities without a logarithm, or raw scores. Also inputs
    of one row an example whose exponentials do not sum to one.

    ## Why it matters
    `kl_div(input, target)` is the mean of `target * (log(target) - input)`: it takes its input for log-probabilities.
    With probabilities it rewards large entries where the target is large, without a divergence's minimum at equality;
    with raw scores it falls without bound.

    ## Evidence shown
    Range of the inputs, the largest |log-sum-exp| of a row (0 for log-probabilities), and what stands in front.

    ## What to try
    `kl_div(log_softmax(scores, dim=-1), target, reduction="batchmean")`, with probabilities as target, or
    `log_target=True` and log-probabilities.

    ## When to ignore it
    Logarithms of densities, which may lie above zero. The option `tolerance` (0.05) leaves room for half precision and
    for a small constant inside the logarithm.

    ## Source
    Documentation of `torch.nn.KLDivLoss`; microsoft/ProDA issue 20.
    """
    for call in training_losses(history, ("kl_div",)):
        low, high = span(call.input)
        off = call.logsumexp_absmax
        rows = len(call.input_shape or ()) == 2 and off is not None and off > tolerance
        if not (high > tolerance or rows):
            continue
        probable = low >= 0 and high <= 1 + tolerance
        what = "probabilities without a logarithm" if probable else "raw scores"
        yield Draft(
            title=f"kl_div gets {what} as its input, which it takes for log-probabilities.",
            fix=(
                "Give it log_softmax(…) in the place of softmax(…) as its first argument."
                if probable
                else "Put log_softmax(x, dim=-1) in front of its first argument."
            ),
            step=1,
            evidence={
                "range of the inputs": [low, high],
                "largest |log-sum-exp|": off,
                "in front": list(call.chain[:3]),
            },
            where=call.place,
            confidence=1.0 if high > tolerance else 0.9,
        )
