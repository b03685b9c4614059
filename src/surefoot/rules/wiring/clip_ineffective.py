"""The rule `clip-ineffective`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Cadence, ClipCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING
from surefoot.rules.places import place

FIX = "Move the clipping between backward() and step()."


@rule("clip-ineffective", severity="warning", needs=(ClipCall,), since="0.1", follows=NO_LEARNING)
def clip_ineffective(history: History, *, share: float = 0.5, least: int = 3) -> Iterator[Draft]:
    """Gradient clipping that cannot have an effect.

    ## What it finds
    Clipping called where no gradients are (before `backward()`, after the step), on parameters that the stepping
    optimizer does not hold, or on gradients that a gradient scaler has still multiplied by its scale.

    ## Why it matters
    The script looks protected against large gradients and is not; scaled gradients are cut to nothing.

    ## Evidence shown
    Calls in all, calls after the step, calls on scaled gradients, share of the gradients that were covered.

    ## What to try
    The order is `backward()`, `scaler.unscale_(optimizer)` if there is one,
    `clip_grad_norm_(model.parameters(), …)`, `step()`.

    ## When to ignore it
    If clipping is called to measure the norm only. Clipping a part of the parameters is not reported, only
    none of them (below 1 %). Half of the calls (option `share`) must be out of order.
    Three calls (option `least`) are waited for.

    ## Source
    PyTorch documentation, "Automatic mixed precision examples: gradient clipping".
    """
    for fact in history.facts(ClipCall):
        reason = _reason(fact, share, _before_backward(history, fact))
        if fact.count < least or reason is None:
            continue
        what, fix = reason
        yield Draft(
            title=f"{fact.function} {what}: it has no effect on the steps.",
            fix=fix,
            evidence={
                "calls": fact.count,
                "after the step": fact.after_step,
                "on scaled gradients": fact.scaled,
                "gradients covered": fact.covered,
                "limit": fact.limit,
            },
            where=fact.place or fact.subject,
        )


def _before_backward(history: History, fact: ClipCall) -> bool:
    """Whether the call stands above a backward of the same file: a loop runs downwards."""
    called = place(fact.place or "")
    backwards = [place(cadence.backward_place or "") for cadence in history.facts(Cadence)]
    return called is not None and any(
        line is not None and line[0] == called[0] and line[1] > called[1] for line in backwards
    )


def _reason(fact: ClipCall, share: float, before: bool) -> tuple[str, str] | None:
    if fact.after_step > share * fact.count:
        early = "is called before backward(), when its gradients are not there yet"
        return early if before else "is called after the step", FIX
    if fact.covered is not None and fact.covered < 0.01:
        return (
            "is given parameters that the optimizer does not hold",
            "Clip the parameters that the optimizer steps.",
        )
    if fact.scaled > share * fact.count:
        return (
            "clips gradients that are still multiplied by the scaler",
            "Call scaler.unscale_(optimizer) before clipping.",
        )
    return None
