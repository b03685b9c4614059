"""The rule `nonfinite-loss`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from surefoot.facts import ManualLoss, Nonfinite, SteepOperation
from surefoot.records import History, Severity
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.origins import fix_of, good_before, suspect
from surefoot.rules.progress import progress

# What can still be behind it once the loss was good: neither a start nor the scale of what went in all along.
LATER = (*WIRING, *STEP_SIZE, "exploding-gradient", "lr-too-high", "nonfinite-gradient", "nonfinite-input")


@rule(
    "nonfinite-loss",
    severity="error",
    since="0.1",
    follows=(
        *WIRING,
        *DATA,
        *STEP_SIZE,
        *START,
        "exploding-gradient",
        "lr-too-high",
        "nonfinite-gradient",
        "preprocessing-mismatch",
    ),
)
def nonfinite_loss(history: History, *, tolerate: float = 0.01) -> Iterator[Draft]:
    """A loss that is NaN or infinite.

    ## What it finds
    Training losses (or validation losses) that are NaN or infinite.

    ## Why it matters
    The gradient of such a loss is NaN everywhere. One step with it and every parameter is NaN for good.

    ## Evidence shown
    The first step, how many of how many losses, the last finite ones before, and the first operation or
    module that made a non-finite value, where it was found.

    ## What to try
    Look at the operation named: a logarithm or division of zero wants a small constant or the loss function
    that works on logits; a loss that grew before it wants a lower rate, scaled inputs or clipping; half
    precision a loss scale.

    ## When to ignore it
    If the script notices such batches and skips them. Where at most 1 % of the losses (option `tolerate`) are
    non-finite and the last one is finite, it is a warning.

    ## Source
    IEEE 754; pytorch issues 160016 and 143658.
    """
    for optimizer in history.optimizers:
        series = history.series("loss", optimizer.index)
        bad = np.flatnonzero(~np.isfinite(series.values))
        if not len(bad):
            continue
        at = int(bad[0])
        passing = len(bad) <= tolerate * len(series) and bool(np.isfinite(series.values[-1]))
        step = int(series.steps[at])
        good = good_before(series.values[:at].tolist(), progress(history).start)
        before = [float(v) for v in series.values[max(0, at - 3) : at]]
        yield _finding(
            history,
            severity="warning" if passing else "error",
            title=f"The loss is {series.values[at]} from step {step} on"
            if not passing
            else f"The loss was non-finite at {len(bad)} of {len(series)} steps, first at step {step}",
            step=step,
            evidence={"losses before": before, "non-finite losses": len(bad), "losses": len(series)},
            because=LATER if good else (),
        )
        return
    validation = history.metric("val_loss")
    bad = np.flatnonzero(~np.isfinite(validation.values))
    if len(bad):
        step = int(validation.steps[bad[0]])
        yield _finding(
            history,
            severity="warning",
            title=f"The validation loss is {validation.values[bad[0]]} at step {step}",
            step=step,
            evidence={"non-finite": len(bad), "validation losses": len(validation)},
        )


def _finding(
    history: History,
    *,
    severity: Severity,
    title: str,
    step: int,
    evidence: dict[str, Any],
    because: tuple[str, ...] = (),
) -> Draft:
    origin = history.fact(Nonfinite)
    risk = next((f for f in history.facts(ManualLoss) if f.log_of_zero_risk), None)
    made = _made(origin)
    # Parameters that are NaN already got there by a gradient: the operation that is steep is its origin.
    steep = suspect(history) if origin is not None and origin.what == "parameter" else None
    if made:
        title += f"; {made} made it"
        evidence |= {"first made by": origin.operation if origin else None}
    elif steep is not None:
        title += f"; {steep.operation} came within {steep.least:.2g} of {steep.detail}, where its gradient is infinite"
        evidence |= {"steep operation": steep.operation}
    elif risk is not None:
        title += "; it takes the logarithm of a probability that can reach zero"
        evidence |= {"logarithm of": risk.probabilities}
    return Draft(
        severity=severity,
        title=title + ".",
        fix=_fix(origin if made else None, steep, risk),
        step=step,
        evidence=evidence,
        where=(steep.line if steep is not None else None)
        or (origin.line or origin.place if origin is not None else None)
        or (risk.place or risk.subject if risk else None),
        because=because,
    )


def _made(origin: Nonfinite | None) -> str:
    if origin is None:
        return ""
    operation, module = origin.operation, origin.module
    if not operation:
        return ""
    return f"{operation} in {module}" if module else str(operation)


def _fix(origin: Nonfinite | None, steep: SteepOperation | None, risk: ManualLoss | None) -> str:
    known = next((fix for found in (origin, steep) if found is not None and (fix := fix_of(found))), None)
    if known is not None:
        return known
    if risk is not None:
        return "Use the loss function that works on logits, or clamp what enters the logarithm."
    if origin is not None:
        return f"Keep what enters {origin.operation} inside of where it is defined."
    return "Lower the rate if the loss grew before it; else look for a logarithm, division or root of zero."
