"""The rule `nonfinite-gradient`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import Nonfinite, Scaler
from surefoot.records import History, Series
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.origins import fix_of, good_before, suspect
from surefoot.rules.progress import progress

LATER = (*WIRING, *STEP_SIZE, "exploding-gradient", "lr-too-high", "scaler-overflow")
HUGE = 1e9  # a norm from which the next step overflows float32, whose squares end at 1e19


@rule(
    "nonfinite-gradient",
    severity="error",
    needs=("series:grad_norm",),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, *START, "exploding-gradient", "lr-too-high", "scaler-overflow"),
)
def nonfinite_gradient(history: History, *, tolerate: float = 0.01) -> Iterator[Draft]:
    """Gradients that are NaN or infinite while the loss is not.

    ## What it finds
    Steps whose gradient norm is NaN or infinite although their loss is finite: the backward pass divides by
    zero where the forward does not (`sqrt` or `norm` at zero, a masked branch of `where`, a logarithm).

    ## Why it matters
    The step makes the parameters non-finite, and the loss follows one step later.

    ## Evidence shown
    The first step, how many, the loss there, the parameters concerned, the operation, where it was found.

    ## What to try
    Add a small constant inside the root or the norm; mask the argument and not only the result of `where`.

    ## When to ignore it
    Under a gradient scaler overflow is part of the method, and such steps are skipped: not reported here.
    Where at most 1 % (option `tolerate`) are concerned and the last is finite, it is a warning.

    ## Source
    PyTorch documentation, "Numerical accuracy"; pytorch issue 143658.
    """
    scaler = history.fact(Scaler)
    if scaler is not None and scaler.enabled:
        return
    for optimizer in history.optimizers:
        norms, losses = history.series("grad_norm", optimizer.index), history.series("loss", optimizer.index)
        bad = np.flatnonzero(~np.isfinite(norms.values))
        if not len(bad):
            continue
        step = int(norms.steps[bad[0]])
        poor = losses.steps[~np.isfinite(losses.values)]
        if len(poor) and int(poor[0]) <= step:
            return  # the loss was first; its rule speaks
        if _norm_alone(norms.values, losses, int(bad[0]), step):
            return  # finite gradients whose squares overflow; what made them so large has its own rule
        passing = len(bad) <= tolerate * len(norms) and bool(np.isfinite(norms.values[-1]))
        origin = history.fact(Nonfinite)
        loss = losses.values[losses.steps == step]
        steep = suspect(history)
        operation = origin.operation if origin is not None else None
        by = f", made by {operation}" if operation else ""
        if steep is not None and not operation:
            by = f"; {steep.operation} came within {steep.least:.2g} of {steep.detail}"
        named = origin if operation else steep
        yield Draft(
            severity="warning" if passing else "error",
            title=f"The gradient is NaN or infinite at step {step} although the loss is finite{by}.",
            fix=(fix_of(named) if named is not None else None)
            or (
                "Add a small constant where the backward pass divides by zero (a root, a norm or a "
                "logarithm at zero)."
            ),
            step=step,
            evidence={
                "steps concerned": len(bad),
                "steps": len(norms),
                "loss at that step": float(loss[0]) if len(loss) else None,
                "parameters": origin.parameters[:10] if origin is not None else [],
            },
            where=(named.line if named is not None else None)
            or (origin.place if origin is not None else None),
            because=LATER
            if good_before(losses.values[losses.steps < step].tolist(), progress(history).start)
            else (),
        )
        return


def _norm_alone(norms: np.ndarray, losses: Series, at: int, step: int) -> bool:
    """Whether only the norm overflows: it is infinite, not NaN, after huge ones or before a step that was finite."""
    after = losses.values[losses.steps > step]
    went_on = len(after) > 0 and bool(np.isfinite(after[0]))
    return bool(np.isposinf(norms[at])) and (went_on or (at > 0 and float(norms[at - 1]) > HUGE))
