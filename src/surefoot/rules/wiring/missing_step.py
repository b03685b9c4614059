"""The rule `missing-step`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Calls, OptimizerCreated, Reach
from surefoot.records import History, ParameterInfo
from surefoot.rules.base import Draft, rule
from surefoot.rules.intent import ended


@rule(
    "missing-step",
    severity="error",
    needs=(Calls,),
    since="0.1",
    follows=("no-gradient", "all-parameters-frozen"),
)
def missing_step(history: History, *, running: int = 500, over: int = 5) -> Iterator[Draft]:
    """Gradients are computed but no optimizer step ever uses them.

    ## What it finds
    A script that calls `backward()` again and again and never `optimizer.step()`; or that steps some of its
    optimizers and never another one whose parameters receive gradients.

    ## Why it matters
    Nothing is learned: the parameters stay as they were initialised, and the loss stays where it was.

    ## Evidence shown
    The numbers of backward calls, of steps and of optimizers made.

    ## What to try
    Call `optimizer.step()` after `backward()`.

    ## When to ignore it
    If the gradients themselves are the result (saliency, sensitivity). While the script still runs, 500
    backward calls (option `running`) without a step are waited for, so that a long accumulation is not
    mistaken; once it has ended, 5 (option `over`).

    ## Source
    discuss.pytorch.org 7350 and 20484; "missed training operation" of PYSIASSIST (SANER 2024).
    """
    calls = history.facts(Calls)[0]
    backwards, steps = calls.backwards, calls.steps
    needed = over if ended(history) else running
    if steps == 0 and backwards >= needed:
        # A new leaf for each backward call is functional descent: nothing is missing.
        if 2 * sum(not p.is_parameter for p in history.parameters) >= backwards:
            return
        made = calls.optimizers_created
        yield Draft(
            title=(
                f"backward() was called {backwards} times and no optimizer step followed: nothing is learned."
            ),
            fix="Call optimizer.step() after backward().",
            evidence={"backward calls": backwards, "steps": 0, "optimizers made": made},
            where=calls.first_backward,
        )
    elif steps >= 20 and ended(history):
        yield from _one_forgotten(history, steps)


def _one_forgotten(history: History, steps: int) -> Iterator[Draft]:
    for fact, waiting in never_stepped(history):
        yield Draft(
            title=(
                f"The {fact.class_name} over {fact.trainable} parameters is never stepped, though they "
                "get gradients."
            ),
            fix="Call step() on this optimizer as well.",
            evidence={"steps of the others": steps, "parameters": [p.name for p in waiting][:10]},
            where=fact.place,
        )


def never_stepped(history: History) -> Iterator[tuple[OptimizerCreated, list[ParameterInfo]]]:
    """Optimizers that were made and never stepped, with parameters that get gradients and that no other one holds."""
    reach = history.fact(Reach)
    names = set(reach.reached_unoptimized) if reach is not None else set()
    waiting = [
        p
        for p in history.parameters
        if p.optimizer is None
        and p.is_parameter
        and (p.received >= 20 or (p.name in names and p.requires_grad))
    ]
    for fact in history.facts(OptimizerCreated):
        alone = fact.same_parameters_as is None and not fact.recreated
        if not fact.stepped and alone and 0 < fact.trainable <= len(waiting):
            yield fact, waiting
