"""The rule `overfitting`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.progress import per_example, progress


@rule(
    "overfitting",
    severity="warning",
    needs=("metric:val_loss", "series:loss"),
    since="0.1",
    follows=(
        "broadcast-loss",
        "constant-targets",
        "preprocessing-mismatch",
        "train-in-eval-mode",
        "unshuffled-data",
    ),
)
def overfitting(
    history: History, *, rise: float = 0.1, gap: float = 2.0, evaluations: int = 5
) -> Iterator[Draft]:
    """The validation loss rises while the training loss goes on falling.

    ## What it finds
    A validation loss that lies, for a stretch of evaluations and more than its own noise, at least 10 % above
    its best, while the training loss has fallen on since that best and is less than half of it.

    ## Why it matters
    What is learned after the best evaluation is the training set and not the task.

    ## Evidence shown
    The best validation loss and its step, the last ones, the training loss at both.

    ## What to try
    Keep the weights of the best step (early stopping), get more or augmented data, a smaller model, dropout
    or weight decay.

    ## When to ignore it
    If another metric (accuracy) still rises: cross-entropy punishes sureness. A rise of less than 10 %
    (option `rise`) and a training loss above half of the validation loss (option `gap`) are not reported, nor
    less than 5 evaluations.
    The option `evaluations` is 5.

    ## Source
    Prechelt 1998, "Early stopping, but when?", criterion of generalisation loss.
    """
    validation, training = history.metric("val_loss").finite, history.series("loss").finite
    n = len(validation)
    if n < evaluations or len(training) < 20 or not progress(history).judged:
        return
    at = int(np.argmin(validation.values))
    best, best_step = float(validation.values[at]), int(validation.steps[at])
    since = validation.values[at + 1 :]
    needed = max(3, n // 5)
    if best <= 0 or len(since) < needed:
        return
    last = since[-needed:]
    noise = 1.4826 * float(np.median(np.abs(np.diff(validation.values)))) if n > 2 else 0.0
    above = best + max(rise * best, 3 * noise)
    if float(np.median(last)) < above or float(np.min(last)) < best + 0.5 * rise * best:
        return
    then = training.values[np.abs(training.steps - best_step).argsort()[: max(5, len(training) // 20)]]
    now = training.values[-max(5, len(training) // 20) :]
    unit = per_example(history)
    before, after = unit * float(np.mean(then)), unit * float(np.mean(now))
    late = float(np.median(last))
    if after > 0.9 * before or gap * after > late:
        return
    yield Draft(
        title=(
            f"The validation loss has risen from {best:.3g} (step {best_step}) to {late:.3g} while the "
            "training loss fell."
        ),
        fix="Stop at the best validation loss, or use more data, a smaller model, dropout or weight decay.",
        step=best_step,
        evidence={
            "best validation loss": best,
            "at step": best_step,
            "last validation losses": [float(v) for v in last[-5:]],
            "training loss then": before,
            "training loss now": after,
        },
        confidence=0.85,
    )
