"""The rule `target-out-of-range`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import span, training_losses
from surefoot.rules.wants import Outside, outside

CRASH = re.compile(
    r"Target (-?\d+) is out of bounds|target.{0,40} between 0 and 1|t >= 0 && t < n_classes", re.I
)


@rule("target-out-of-range", severity="error", since="0.1")
def target_out_of_range(history: History, *, slack: float = 1e-4, sums: float = 0.02) -> Iterator[Draft]:
    """Targets lie outside of what the loss is defined for.

    ## What it finds
    Targets that a loss function of PyTorch's is not defined for: below 0 or above 1 for binary cross-entropy (labels of
    -1 and 1, percentages), other than -1 and 1 for the losses that take a sign (cosine embedding, hinge embedding,
    ranking, soft margin), negative counts under a Poisson likelihood, class numbers that the output does not have, soft
    targets of cross-entropy or `kl_div` that are no distribution (negative, logarithms, several ones in a row), and
    scripts that die of that.

    ## Why it matters
    Outside of its domain a loss measures something else: binary cross-entropy has no minimum and falls to minus
    infinity, a sign of 0 makes its example count for nothing or for the wrong side, a row with three ones asks a
    softmax for three times what it can give.

    ## Evidence shown
    Range of the targets seen, what is allowed, and the sums of their rows where these are wrong.

    ## What to try
    Map labels to what the loss wants: `(y + 1) / 2` for 0 and 1, `2 * y - 1` for -1 and 1; number classes from 0, with
    an output for each; divide soft targets by their sum; several labels an example want
    `binary_cross_entropy_with_logits`.

    ## When to ignore it
    Targets a rounding error outside (option `slack`, 1e-4; of a row's sum 0.02, option `sums`) are not reported. Rows
    with one entry may be weighted, and rows of zeros left out, on purpose: neither is reported. Rows that sum to less
    than one (a distribution cut to its first entries) are a warning.

    ## Source
    discuss.pytorch.org 123902 and 57409; documentation of `torch.nn.BCELoss`, `CrossEntropyLoss`,
    `CosineEmbeddingLoss`, `MarginRankingLoss`, `PoissonNLLLoss`, `KLDivLoss`.
    """
    seen = False
    for call in training_losses(history):
        wrong = outside(call, slack, sums)
        if wrong is not None:
            seen = True
            yield _finding(call, wrong)
    error = history.run.error or ""
    if not seen and CRASH.search(error):
        yield Draft(
            title="The script ended because a target lies outside of the range of its loss.",
            fix="Number classes from 0 and give the model an output for each; binary labels must be 0 and 1.",
            evidence={"error": error},
            where=next((f.place for f in training_losses(history)), None),
        )


def _finding(call: LossCall, wrong: Outside) -> Draft:
    low, high = span(call.target)
    given = f"from {low:g} to {high:g}"
    if wrong.sums is not None:
        given = f"whose rows sum to {wrong.sums[1] if wrong.sums[1] > 1.01 else wrong.sums[0]:.3g}"
    return Draft(
        severity="error" if wrong.certain else "warning",
        title=f"{call.function} gets targets {given}; it is defined for {wrong.allowed}.",
        fix=wrong.fix,
        step=1,
        evidence={
            "targets seen": [low, high],
            "allowed": wrong.allowed,
            **({} if wrong.sums is None else {"sums of their rows": list(wrong.sums)}),
        },
        where=call.place,
    )
