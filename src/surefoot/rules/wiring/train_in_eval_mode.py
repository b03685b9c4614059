"""The rule `train-in-eval-mode`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import TrainingMode
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("train-in-eval-mode", severity="warning", needs=(TrainingMode,), since="0.1")
def train_in_eval_mode(history: History, *, share: float = 0.1, least: int = 3) -> Iterator[Draft]:
    """Training steps run with the model in eval mode.

    ## What it finds
    Optimizer steps whose forward ran in eval mode although the model has dropout or batch norm:
    `model.train()` is missing, or is called once and an evaluation switched it off for good.

    ## Why it matters
    Dropout is off and batch norm uses, and no longer updates, its running statistics: the regularisation that
    the model was built with does not happen. No curve shows it.

    ## Evidence shown
    Steps in eval mode of the steps looked at, the first of them, the modules concerned.

    ## What to try
    Call `model.train()` at the start of each epoch, after every evaluation.

    ## When to ignore it
    Fine-tuning with fixed statistics. A part in eval mode while the rest is in train mode, and a frozen part,
    are taken as meant and not reported. A tenth of the steps (option `share`) must be concerned.
    Three steps at least (option `least`).

    ## Source
    PyTorch documentation of `Module.train`; Lightning issues 20573, 20216, 20177.
    """
    fact = history.fact(TrainingMode)
    if fact is None:
        return
    looked, wrong = fact.looked, fact.in_eval
    modules = list(fact.modules)
    if not modules or wrong < max(least, share * looked):
        return
    if fact.partial or fact.frozen >= 0.5:
        return
    since = fact.first_in_eval
    switched = fact.switched
    begun = f"from step {since} on" if switched and since else "from the start"
    yield Draft(
        title=(
            f"{wrong} of {looked} training steps ran in eval mode ({begun}): dropout and batch norm were "
            "switched off."
        ),
        fix="Call model.train() at the start of each epoch, after every evaluation.",
        step=since,
        evidence={"steps in eval mode": wrong, "steps looked at": looked, "modules": modules[:10]},
        where=fact.place,
        confidence=1.0 if switched else 0.9,
    )
