"""The rule `loss-spike`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import onset
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.progress import Progress, progress


@rule(
    "loss-spike",
    severity="warning",
    needs=("series:loss",),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, *START, "exploding-gradient", "lr-too-high", "noisy-gradient"),
)
def loss_spike(
    history: History, *, times: float = 4.0, noises: float = 12.0, window: int = 20
) -> Iterator[Draft]:
    """The loss jumps far above its own level.

    ## What it finds
    Single losses at least four times the median of the 20 before them and 12 times their noise above it; in
    the first steps, losses four times the very first one.

    ## Why it matters
    In the first steps it says that the rate is too high for fresh weights. Later it is one batch, or the
    first sign of a training that breaks.

    ## Evidence shown
    The steps, the loss before, at and after the spike, the gradient norm there. Where gradients or updates were
    out of their own level before (three times the largest of the hundred values before the 20 steps that lead
    to the spike): the first such step, how many steps it led by, and the parameter that was furthest out when
    parameters were first seen to be.

    ## What to try
    First steps: a lower peak rate, a warm-up, clipping. Later: look at the batch of that step, and clip
    (`surefoot run --autoclip`).

    ## When to ignore it
    Jumps that come with a jump of the rate (warm restarts) are not reported. A spike from which the loss
    comes back is information; a warning is given if it did not come back by the end.
    The options are `times` (4), `noises` (12: with normal noise of a loss that never comes up) and
    `window` (20 steps before).

    ## Source
    Spikes and clipping: Chowdhery et al. 2022 (PaLM), section 5.1. Updates that rise before the loss does:
    marin-community/marin issue 1368. Median and noise instead of mean and
    deviation, as one spike must not hide the next.
    """
    seen = progress(history)
    if not seen.judged or len(seen.losses) < window + 10:
        return
    spikes = _spikes(history, seen, times, noises, window)
    if not spikes:
        return
    index, before = max(spikes, key=lambda s: seen.losses[s[0]] / max(s[1], 1e-30))
    value, step = float(seen.losses[index]), int(seen.steps[index])
    lost = len(seen.losses) - index > window and seen.late > 2 * before and seen.late > seen.best * 2
    early = index < window
    yield Draft(
        severity="warning" if lost else "information",
        title=f"The loss jumped from {before:.3g} to {value:.3g} at step {step}"
        + (" and has not come back." if lost else "."),
        fix="Lower the peak rate, warm up, or clip the gradients."
        if early
        else "Look at the batch of that step, and clip the gradients (surefoot run --autoclip).",
        step=step,
        evidence={
            "spikes at steps": [int(seen.steps[i]) for i, _ in spikes][:10],
            "loss before": before,
            "loss at the spike": value,
            "loss at the end": seen.late,
            "gradient norm there": _norm_at(history, step),
            **_began(history, step),
        },
        confidence=0.6,
    )


def _spikes(
    history: History, seen: Progress, times: float, noises: float, window: int
) -> list[tuple[int, float]]:
    """(index, level before) of each first loss of an excursion."""
    losses = seen.losses
    found: list[tuple[int, float]] = []
    # Candidates first: few losses lie far above the running minimum, so the windows below stay cheap.
    level = np.minimum.accumulate(losses)
    last = -window
    for i in np.flatnonzero(losses[1:] > times * np.maximum(level[:-1], 1e-12)) + 1:
        if i - last < window:
            continue
        early = i < window
        before = losses[:1] if early else losses[i - window : i]
        middle = float(np.median(before))
        noise = 0.0 if early else 1.4826 * float(np.median(np.abs(before - middle)))
        # Losses near zero have no scale of their own: they are held against one per cent of the start.
        if losses[i] < times * max(middle, 0.01 * seen.start) or losses[i] < middle + noises * noise:
            continue
        if losses[i] < 3 * float(np.max(before)):
            continue  # heavy tails: single batches reach twice the largest of the window before
        if _rate_jumped(history, int(seen.steps[i]), window):
            continue
        found.append((int(i), middle))
        last = int(i)
        if len(found) >= 100:
            break
    return found


def _rate_jumped(history: History, step: int, window: int) -> bool:
    rates = history.series("lr")
    around = rates.values[(rates.steps > step - window) & (rates.steps <= step)]
    return len(around) > 1 and float(np.max(around)) > 2 * float(around[0])


def _began(history: History, step: int) -> dict[str, int | float | str]:
    """The first sign of a spike, as evidence."""
    first = onset.onset(history, step)
    if first is None:
        return {}
    told: dict[str, int | float | str] = {"first bad step": first.step, "steps ahead": step - first.step}
    return (
        told
        if first.parameter is None
        else {**told, "parameter": first.parameter, "times its level": first.times}
    )


def _norm_at(history: History, step: int) -> float | None:
    norms = history.series("grad_norm")
    at = norms.values[norms.steps == step]
    return float(at[0]) if len(at) else None
