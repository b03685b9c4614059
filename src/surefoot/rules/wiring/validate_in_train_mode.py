"""The rule `validate-in-train-mode`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Calls, LossCall, ValidationMode
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("validate-in-train-mode", severity="warning", needs=(ValidationMode,), since="0.1")
def validate_in_train_mode(history: History, *, share: float = 0.5, alone: float = 0.95) -> Iterator[Draft]:
    """Validation runs with dropout on or batch norm in train mode.

    ## What it finds
    Forward passes for validation in which dropout or batch-norm modules were in train mode, or dropout that
    stays on although its module is in eval mode (a functional dropout without `training=self.training`).

    ## Why it matters
    Validation figures are worse and noisier than the model is, and batch norm learns from the validation
    data.

    ## Evidence shown
    Validation forwards in train mode of those looked at, and the modules concerned.

    ## What to try
    Call `model.eval()` before validation and `model.train()` after it; give functional dropout
    `self.training`.

    ## When to ignore it
    Monte Carlo dropout: passing the same batch several times is recognised. Forwards without gradients that
    belong to a training step (a GAN's fakes, a teacher) are told from validation by a validation loss, or by
    all of them being in train mode (option `alone`, 0.95) and rarer than training steps. With a validation
    loss, half (option `share`) is asked for.

    ## Source
    PyTorch documentation of `Module.eval`; discuss.pytorch.org 43349; TheDeepChecker.
    """
    fact = history.fact(ValidationMode)
    if fact is None or not fact.looked:
        return
    modules = list(fact.modules)
    if fact.same_input_repeats or not (modules or fact.functional_dropout):
        return
    looked, wrong = fact.looked, fact.in_train
    functional = fact.functional_dropout
    if not functional:
        if _validates(history):
            if wrong < share * looked:
                return
        elif wrong < alone * looked or not _rare(history, fact):
            return
    if not functional and wrong < 2:
        return
    which = (
        "dropout stays on although the model is in eval mode" if functional else "the model is in train mode"
    )
    yield Draft(
        title=f"Validation runs while {which} ({wrong or looked} of {looked} forward passes).",
        fix="Give functional dropout training=self.training."
        if functional
        else "Call model.eval() before validation.",
        evidence={"in train mode": wrong, "validation forwards": looked, "modules": modules[:10]},
        where=fact.place,
        confidence=1.0 if _validates(history) else 0.8,
    )


def _validates(history: History) -> bool:
    losses = history.facts(LossCall)
    return any(f.phase == "validation" for f in losses) or len(history.metric("val_loss")) > 0


def _rare(history: History, fact: ValidationMode) -> bool:
    steps = max((f.steps for f in history.facts(Calls)), default=0)
    return len(history.optimizers) == 1 and 2 * fact.looked < steps
