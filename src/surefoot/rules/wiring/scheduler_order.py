"""The rule `scheduler-order`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Scaler, Scheduler
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("scheduler-order", severity="warning", needs=(Scheduler,), since="0.1")
def scheduler_order(history: History, *, share: float = 0.5) -> Iterator[Draft]:
    """The learning-rate scheduler steps before the optimizer does.

    ## What it finds
    `scheduler.step()` called ahead of `optimizer.step()`, in the first iteration or in most of them.

    ## Why it matters
    The first value of the schedule is skipped: a warm-up starts one step late, a schedule by epochs is one
    epoch ahead all along.

    ## Evidence shown
    Scheduler steps taken ahead, scheduler steps in all, the scheduler's class.

    ## What to try
    Call `optimizer.step()` first and `scheduler.step()` after it.

    ## When to ignore it
    If the offset is wanted. A first step that a gradient scaler skipped looks the same and is not reported,
    nor are calls from inside a trainer. Half of all scheduler steps (option `share`) must be ahead, or the
    very first.

    ## Source
    PyTorch documentation of `torch.optim.lr_scheduler`, change of order in version 1.1.
    """
    scaler = history.fact(Scaler)
    # A step that the scaler skips is none: the schedule seems to run ahead of it.
    skipped = scaler.skipped if scaler is not None else 0
    for fact in history.facts(Scheduler):
        steps, ahead = fact.steps, max(0, fact.ahead - skipped)
        often = steps >= 2 and ahead >= share * steps
        first = fact.before_first_step and not skipped and _own(fact)
        if not often and not first:
            continue
        yield Draft(
            title=(
                f"{fact.class_name} steps before its optimizer does ({ahead} of {steps} times): the "
                "schedule runs ahead."
            ),
            fix="Call scheduler.step() after optimizer.step().",
            evidence={
                "steps ahead": ahead,
                "scheduler steps": steps,
                "before the first step": fact.before_first_step,
            },
            where=fact.place,
        )


def _own(fact: Scheduler) -> bool:
    """Whether the script itself called it: the order inside a trainer is not the script's to change."""
    return ".step(" in (fact.place or "")
