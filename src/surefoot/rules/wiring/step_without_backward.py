"""The rule `step-without-backward`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import Cadence, Calls, MissingGradients
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.movement import movement


@rule(
    "step-without-backward",
    severity="error",
    needs=(Cadence,),
    since="0.1",
    follows=("all-parameters-frozen", "no-gradient", "parameters-not-optimized"),
)
def step_without_backward(history: History, *, share: float = 0.1, least: int = 3) -> Iterator[Draft]:
    """Optimizer steps with no backward pass of their own.

    ## What it finds
    An optimizer that steps although no gradient has been computed for its parameters since its last step:
    `backward()` is missing, or `step()` is called more often than it.

    ## Why it matters
    Without any gradient the step does nothing. With old ones the same gradient is applied again, which
    multiplies the rate by a number that nobody chose.

    ## Evidence shown
    Steps without a backward pass, steps in all, the first such step.

    ## What to try
    Call `loss.backward()` before each `optimizer.step()`, and step once for it.

    ## When to ignore it
    If gradients are set by hand (`p.grad = …`); an optimizer that never sees a backward pass but always holds
    gradients is taken to be that and is not reported. A left-over step at the end of an epoch is below
    `share` (0.1).
    Three such steps (option `least`) are waited for, and a share of `share` of all.

    ## Source
    PyTorch documentation of `torch.optim`, "Taking an optimization step".
    """
    calls = history.fact(Calls)
    silent = calls is not None and calls.backwards == 0
    for fact in history.facts(Cadence):
        without, steps = fact.steps_without_backward, fact.steps
        # A closure is called as often as the optimizer likes; that none ever calls backward is another matter.
        if fact.closure:
            without = steps if silent and not np.any(movement(history).updates > 0) else 0
        if without < least or without < share * steps:
            continue
        never = without >= steps
        if never and not fact.closure and _empty_steps(history, fact) < 0.95 * steps:
            continue
        again = "had no gradient at all" if never else "applied old gradients again or none"
        yield Draft(
            severity="error" if never or without > 0.3 * steps else "warning",
            title=f"{without} of {steps} steps of {fact.subject} had no backward() before them and {again}.",
            fix="Call loss.backward() before each optimizer.step(), and step() once for it.",
            step=fact.first_without_backward,
            evidence={
                "steps without backward": without,
                "steps": steps,
                "backward calls": fact.backwards,
            },
            where=fact.step_place,
        )


def _empty_steps(history: History, cadence: Cadence) -> int:
    missing = history.fact(MissingGradients, cadence.subject)
    return 0 if missing is None else int(missing.steps_without_any)
