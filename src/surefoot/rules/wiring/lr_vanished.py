"""The rule `lr-vanished`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import Scheduler
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING
from surefoot.rules.progress import progress
from surefoot.rules.schedules import squared, wrong_way


@rule(
    "lr-vanished",
    severity="warning",
    needs=("series:lr", "series:loss"),
    since="0.1",
    follows=NO_LEARNING,
)
def lr_vanished(
    history: History, *, share: float = 0.01, early: float = 0.4, tail: int = 20, high: float = 0.2
) -> Iterator[Draft]:
    """The schedule has taken the learning rate to nothing long before the end.

    ## What it finds
    A rate that falls below 1 % of its peak within the first 40 % of the steps and stays there, while the loss
    stands still well above zero: a schedule made for epochs that is stepped every batch, or one too short for
    the run. Also a `LambdaLR` whose function returns the rate where a factor is wanted (the rate is squared), and
    a `ReduceLROnPlateau` whose mode does not fit what it watches.

    ## Why it matters
    From then on the training goes through the motions; what follows is spent time.

    ## Evidence shown
    The peak, the last rate, the step at which it fell below 1 %, scheduler steps for each optimizer step, the
    loss then and at the end.

    ## What to try
    Call `scheduler.step()` once an epoch, or make the schedule (`T_max`, `step_size`, `total_steps`) as long
    as the run in the unit in which it is stepped. `LambdaLR` wants a factor of the optimizer's rate, 1 for all of it;
    `ReduceLROnPlateau` wants mode="min" for a loss and mode="max" for an accuracy.

    ## When to ignore it
    If the training had converged. A loss below 20 % of its start (option `high`; 2 % where the rate fell
    below 1e-4 of its peak), one that still falls, and a rate that comes back (restarts) are not reported.
    Usual schedules spend less than the last tenth below 1 % of the peak. The options `share` (1 %), `early`
    (40 %) and `tail` (20 steps at least below) are set by that.

    ## Source
    discuss.pytorch.org 111249 and 12444; the share of steps below 1 % is 6 % for a cosine and 10 % for three
    steps of a factor 10 at 50, 75 and 90 %.
    """
    mistake = [*_by_mistake(history)]
    yield from mistake
    if mistake:
        return
    rates = history.series("lr").finite
    n = len(rates)
    if n < 2 * tail:
        return
    peak_at = int(np.argmax(rates.values))
    peak = float(rates.values[peak_at])
    below = np.flatnonzero(rates.values < share * peak)
    if peak <= 0 or not len(below) or below[0] < peak_at:
        return
    at = int(below[0])
    if len(below) != n - at or at > early * n or n - at < tail:
        return
    seen = progress(history)
    nothing = float(rates.values[(at + n) // 2]) < share**2 * peak
    if not seen.judged or len(seen.losses) != n or seen.late < (0.1 * high if nothing else high) * seen.start:
        return
    before = float(np.median(seen.losses[at : at + tail]))
    if seen.late < 0.9 * before:
        return
    scheduler = max(history.facts(Scheduler), key=lambda f: f.steps, default=None)
    yield _finding(rates.values, int(rates.steps[at]), peak, before, seen.late, scheduler)


def _by_mistake(history: History) -> Iterator[Draft]:
    found = squared(history)
    if found is not None:
        yield Draft(
            title=(
                f"LambdaLR's function returns the rate where it should return a factor of it: the rate is "
                f"{found.highest:.3g} and not {found.base:.3g}."
            ),
            fix="Let the function return a factor (1 for the optimizer's own rate), or make the optimizer with lr=1.",
            step=1,
            evidence={"rate of the optimizer": found.base, "highest rate of the run": found.highest},
            where=found.scheduler.place,
            confidence=0.95,
        )
    turned = wrong_way(history)
    if turned is not None:
        right = "min" if turned.mode == "max" else "max"
        yield Draft(
            title=(
                f'ReduceLROnPlateau(mode="{turned.mode}") takes every improvement for a standstill: what it watches '
                f"went from {turned.first:.3g} to {turned.last:.3g}, the rate from {turned.rates[0]:.3g} to "
                f"{turned.rates[1]:.3g}."
            ),
            fix=f'Make it with mode="{right}".',
            evidence={
                "mode": turned.mode,
                "watched": [turned.first, turned.last],
                "rate": list(turned.rates),
            },
            where=turned.scheduler.place,
            confidence=0.9,
        )


def _finding(
    rates: np.ndarray,
    step: int,
    peak: float,
    before: float,
    late: float,
    scheduler: Scheduler | None,
) -> Draft:
    each = scheduler.per_step if scheduler is not None else None
    often = each is not None and each > 0.5
    name = scheduler.class_name if scheduler is not None else "the schedule"
    why = f" ({name} is stepped every batch)" if often else ""
    return Draft(
        title=(
            f"The learning rate fell from {peak:.3g} to below 1 % of that by step {step}{why}; the loss "
            "stands still since."
        ),
        fix="Step the scheduler once an epoch, or make the schedule as long as the run in batches."
        if often
        else "Make the schedule as long as the run.",
        step=step,
        evidence={
            "peak": peak,
            "last rate": float(rates[-1]),
            "steps since": len(rates) - step,
            "scheduler steps for each step": each,
            "loss then": before,
            "loss at the end": late,
        },
        where=scheduler.place if scheduler is not None else None,
        confidence=0.95 if often else 0.85,
    )
