"""The rule `initial-loss-too-high`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import WIRING
from surefoot.rules.losses import REGRESSION, chance, per_element, target_moments, training_losses
from surefoot.rules.steepness import steep_from_start

CAUSES = (*WIRING, "nonfinite-input", "unnormalized-inputs", "unscaled-targets")


@rule(
    "initial-loss-too-high",
    severity="warning",
    needs=(LossCall,),
    since="0.1",
    follows=CAUSES,
)
def initial_loss_too_high(history: History, *, times: float = 3.0) -> Iterator[Draft]:
    """The very first loss is far above that of a guess.

    ## What it finds
    A first loss three times and more (six for a regression) what a constant guess scores: ln of the number of
    classes for cross-entropy, the mean square of the targets for squared error.

    ## Why it matters
    A fresh network should be unsure. One that is sure and wrong spends its first steps on unlearning that,
    with gradients that do harm elsewhere: weights start too large, or inputs are not scaled.

    ## Evidence shown
    The first loss, what a guess scores, their ratio, and the deviation of the first outputs.

    ## What to try
    PyTorch's default initialisation, or `nn.init.kaiming_uniform_`; a deviation of 1/sqrt(inputs); smaller
    weights in the last layer; scaled inputs.

    ## When to ignore it
    Pretrained models on a new task. Default initialisations start below 1.2 times the guess, with unscaled
    pixels of 0 to 16 below 2; the option `times` (3, doubled for regressions) leaves room above that.

    ## Source
    A. Karpathy, "A Recipe for Training Neural Networks" (2019): "verify loss at init".
    """
    if intent.adversarial(history):
        return
    for call in training_losses(history):
        guess, first = _guess(call, target_moments(history, call)), call.first_value
        if guess is None or first is None or not math.isfinite(first):
            continue
        first = float(first) * per_element(call)
        # A first batch of squared errors is noisier, and a fresh output adds its own variance.
        wanted = times * (2 if call.function in REGRESSION else 1)
        if guess <= 0 or first < wanted * guess:
            continue
        outputs = history.metric("output/std").finite.values
        yield Draft(
            title=f"The first loss is {first:.3g}, {first / guess:.3g} times what a guess scores"
            f" ({guess:.3g}): the fresh model is sure and wrong.",
            fix=(
                "Start with smaller weights (PyTorch's default, or nn.init.kaiming_uniform_) and scaled "
                "inputs."
            ),
            step=1,
            evidence={
                "first loss": first,
                "a guess scores": guess,
                "ratio": first / guess,
                "deviation of the first outputs": float(outputs[0]) if len(outputs) else None,
            },
            where=call.place,
            confidence=0.8,
            # Gradients that explode from the first look on say where to mend it: what the weights do layer by layer.
            because=(*CAUSES, "exploding-gradient") if steep_from_start(history) else (),
        )
        return


def _guess(call: LossCall, target: tuple[float, float]) -> float | None:
    if call.weighted or call.reduction == "none":
        return None
    value = chance(call, target)
    if value is None:
        return None
    if call.function not in REGRESSION:
        # A fresh model does not know yet how rare a class is: it guesses evenly.
        return max(value, math.log(2))
    # A fresh regression answers with about zero, not with the mean.
    mean, deviation = target
    return value * (1 + (mean / deviation) ** 2) if call.function == "mse_loss" else value + abs(mean)
