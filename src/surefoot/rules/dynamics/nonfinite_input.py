"""The rule `nonfinite-input`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import BatchInput, Nonfinite
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import training_losses


@rule("nonfinite-input", severity="error", since="0.1")
def nonfinite_input(history: History) -> Iterator[Draft]:
    """NaN or infinite values in the training data.

    ## What it finds
    Batches of inputs or targets that hold NaN or infinities, in a training whose loss or gradient turns
    non-finite.

    ## Why it matters
    One NaN in one example makes the loss of its batch NaN, and after that step every parameter.

    ## Evidence shown
    Share of such entries, the columns concerned, the first step at which one was met.

    ## What to try
    Drop or fill the missing values before training (`numpy.nan_to_num`, scikit-learn's `SimpleImputer`).

    ## When to ignore it
    If the model handles them: then the loss stays finite and it is not reported.

    ## Source
    stackoverflow 53640858 and 51835124.
    """
    bad = [s for (name, _), s in history.step_series.items() if name in ("loss", "grad_norm")]
    if all(len(s.finite) == len(s) for s in bad) and history.fact(Nonfinite) is None:
        return
    first = history.fact(Nonfinite)
    if first is not None and first.what in ("parameter", "gradient", "activation"):
        return  # it began inside the network
    fact = history.fact(BatchInput, "train")
    share = fact.nonfinite if fact is not None else 0.0
    if share > 0 and fact is not None:
        yield Draft(
            title=f"The training inputs hold NaN or infinite values ({share:.2%} of the entries looked at).",
            fix="Drop or fill the missing values before training.",
            step=first.at_step if first is not None else None,
            evidence={"share of entries": share, "columns": fact.nonfinite_columns},
            where=first.place if first is not None else None,
        )
        return
    for call in training_losses(history):
        share = call.target.nonfinite if call.target is not None else 0.0
        if share > 0:
            yield Draft(
                title=f"The training targets hold NaN or infinite values ({share:.2%} of those looked at).",
                fix="Drop or fill the missing targets before training.",
                evidence={"share of targets": share},
                where=call.place,
            )
            return
    if first is not None and first.what == "input":
        yield Draft(
            title=f"A training batch with NaN or infinite values was met at step {first.at_step}.",
            fix="Drop or fill the missing values before training.",
            step=first.at_step,
            evidence={"what": "input"},
            where=first.place,
        )
