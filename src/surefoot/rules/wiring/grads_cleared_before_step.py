"""The rule `grads-cleared-before-step`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Cadence, ClearedBeforeStep, OptimizerCreated, Scaler
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("grads-cleared-before-step", severity="error", needs=(Cadence,), since="0.1")
def grads_cleared_before_step(history: History, *, share: float = 0.5, least: int = 2) -> Iterator[Draft]:
    """Gradients are cleared after backward and before the step that should use them.

    ## What it finds
    Steps at which the gradients that backward had just left were already gone or zero.

    ## Why it matters
    The optimizer has nothing to apply: parameters stay where they were, or drift by momentum and weight decay
    alone.

    ## Evidence shown
    How many steps of how many, and the line that stepped.

    ## What to try
    Put `optimizer.zero_grad()` before `backward()`, or after `optimizer.step()`.

    ## When to ignore it
    If most steps are skipped on purpose (a loop that clears gradients of bad batches). Backwards that another
    optimizer of the same parameters follows, as one for the end of a training, are used. The option `share`
    (0.5) asks that half of all steps are empty; a healthy loop has none.
    Two such steps (option `least`) are waited for.

    ## Source
    Order of calls in the PyTorch documentation of `torch.optim`; discuss.pytorch.org 12099.
    """
    for fact in history.facts(ClearedBeforeStep):
        count, of = fact.count, fact.of
        if count < least or count < share * of:
            continue
        yield Draft(
            title=(
                f"Gradients are cleared between backward() and step(), so {count} of {of} steps had none to "
                "apply."
            ),
            fix="Move zero_grad() in front of backward(), or behind step().",
            step=1 if count == of else None,
            evidence={"steps without gradients": count, "steps": of, "step place": fact.step_place},
            where=fact.step_place,
        )
    scaler = history.fact(Scaler)
    if scaler is not None and scaler.skipped:  # whose steps are left out, so that their gradients stay unused
        return
    for cadence in history.facts(Cadence):
        backwards, steps = cadence.backwards, cadence.steps
        unused = cadence.cleared_unused - _steps_of_others(history, cadence)
        # Two lines that call backward are two losses: the first may be for a look, or an attack on the inputs.
        if (
            cadence.closure
            or cadence.backward_places != 1
            or steps < least
            or unused < max(least, share * backwards)
        ):
            continue
        yield Draft(
            title=(
                f"Gradients are cleared in front of every backward() though a step follows only each "
                f"{backwards / steps:.3g}th: {unused} of {backwards} backward passes are thrown away."
            ),
            fix="Call zero_grad() once a step, behind step(), and not for every micro-batch.",
            step=1,
            evidence={
                "backward passes": backwards,
                "cleared unused": unused,
                "steps": steps,
                "value of backward over loss": cadence.root_over_loss,
            },
            where=cadence.backward_place,
            confidence=0.95,
        )


def _steps_of_others(history: History, cadence: Cadence) -> int:
    """Steps of other optimizers over the same parameters: they use gradients that this one never sees."""
    sharing = {
        fact.subject for fact in history.facts(OptimizerCreated) if fact.same_parameters_as is not None
    } - {cadence.subject}
    created = history.fact(OptimizerCreated, cadence.subject)
    if created is None or created.same_parameters_as is None:
        return 0
    return sum(each.steps for each in history.facts(Cadence) if each.subject in sharing)
