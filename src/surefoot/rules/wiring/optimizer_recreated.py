"""The rule `optimizer-recreated`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from surefoot.facts import Calls, OptimizerCreated
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("optimizer-recreated", severity="warning", needs=(OptimizerCreated,), since="0.1")
def optimizer_recreated(
    history: History, *, least: int = 3, steps_each: float = 3.0, often: int = 10
) -> Iterator[Draft]:
    """The optimizer is made anew again and again over the same parameters.

    ## What it finds
    An optimizer constructed inside the training loop, on the same line, over parameters that another one
    already held.

    ## Why it matters
    Momentum and Adam's running averages start from nothing each time. Made anew every step, Adam becomes a
    step of fixed size by the gradient's sign.

    ## Evidence shown
    How often it was made, and how many steps each one took.

    ## What to try
    Make the optimizer once, in front of the loop.

    ## When to ignore it
    If the state is to be dropped (a restart each phase): fewer than ten times (option `often`), with more than 3 steps
    each (option `steps_each`), is information only, and so is one that lives longer than its running averages reach
    back (1000 steps for Adam's default, 10 for a momentum of 0.9). Plain SGD has no state and is not reported.
    Being made anew three times (option `least`) tells a loop from phases.

    ## Source
    PYSIASSIST pattern 3; discuss.pytorch.org 60855.
    """
    worst = max(history.facts(OptimizerCreated), key=lambda f: f.recreated, default=None)
    if worst is None or worst.recreated < least or _stateless(worst):
        return
    made = int(worst.recreated) + 1
    calls = history.fact(Calls)
    steps = int(calls.steps) if calls is not None else 0
    each = steps / made
    yield Draft(
        severity="warning"
        if each <= steps_each or (made >= often and each < _memory(worst))
        else "information",
        title=(
            f"{worst.class_name} was made {made} times over the same parameters, for about {each:.3g} "
            "steps each."
        ),
        fix="Make the optimizer once, in front of the loop.",
        evidence={"times made": made, "steps": steps, "steps each": round(each, 2)},
        where=worst.place,
    )


def _stateless(fact: OptimizerCreated) -> bool:
    settings: Mapping[str, Any] = fact.settings
    return fact.class_name == "SGD" and not settings.get("momentum")


def _memory(fact: OptimizerCreated) -> float:
    """Steps that the longest running average reaches back."""
    settings: Mapping[str, Any] = fact.settings
    betas = settings.get("betas") or [settings.get("alpha") or settings.get("momentum") or 0.0]
    return 1 / (1 - min(max(float(beta) for beta in betas), 0.9999))
