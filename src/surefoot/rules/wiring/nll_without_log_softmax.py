"""The rule `nll-without-log-softmax`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import operation, span, training_losses
from surefoot.rules.wants import of_input


@rule(
    "nll-without-log-softmax",
    severity="error",
    needs=(LossCall,),
    since="0.1",
    follows=("softmax-wrong-dim",),
)
def nll_without_log_softmax(history: History, *, tolerance: float = 0.05) -> Iterator[Draft]:
    """`nll_loss` or `ctc_loss` gets values that are not log-probabilities.

    ## What it finds
    Inputs to `nll_loss` or `ctc_loss` whose exponentials do not sum to one over the classes: raw scores, or
    probabilities without a logarithm.

    ## Why it matters
    `nll_loss` only picks the entry of the right class and changes its sign. With raw scores the loss falls
    without bound as scores grow; with probabilities it runs from 0 to -1. Neither makes the classes compete.

    ## Evidence shown
    The largest |log-sum-exp| over the classes (0 for log-probabilities) and the range of the inputs.

    ## What to try
    Put `log_softmax(x, dim=1)` in front, or use `cross_entropy` on the raw scores.

    ## When to ignore it
    Scores that are normalised otherwise (log-sigmoid per class) are not reported. The option `tolerance`
    (0.05) leaves room for half precision and for a small constant inside the logarithm.

    ## Source
    Documentation of `torch.nn.NLLLoss`; PYSIASSIST pattern 10.
    """
    for call in training_losses(history, of_input("log-probabilities")):
        if call.function == "kl_div":
            continue  # it has a rule of its own
        off = call.logsumexp_absmax
        low, high = span(call.input)
        names = [operation(name) for name in call.chain]
        logarithm = any(
            n in ("LogSoftmax", "Log", "LogSigmoid", "LogSigmoidForward", "Logsumexp") for n in names
        )
        if off is None or not off > tolerance or (logarithm and high <= 0):
            continue
        probable = low >= 0 and high <= 1
        what = "probabilities without a logarithm" if probable else "raw scores"
        yield Draft(
            title=f"{call.function} gets {what} instead of log-probabilities, so the loss means nothing.",
            fix=_fix(call.function),
            step=1,
            evidence={"largest |log-sum-exp|": off, "range of the inputs": [low, high]},
            where=call.place,
            confidence=1.0 if math.isfinite(off) else 0.9,
        )


def _fix(function: str) -> str:
    if function == "ctc_loss":
        return "Put log_softmax(x, dim=-1) in front of ctc_loss."
    return "Use cross_entropy on the raw scores, or put log_softmax(x, dim=1) in front of nll_loss."
