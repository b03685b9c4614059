"""The rule `initial-loss-too-high`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import WIRING
from surefoot.rules.scale import large_inputs
from surefoot.rules.starts import TIMES, high_start
from surefoot.rules.steepness import steep_from_start

CAUSES = (*WIRING, "nonfinite-input", "unnormalized-inputs", "unscaled-targets")


@rule(
    "initial-loss-too-high",
    severity="warning",
    needs=(LossCall,),
    since="0.1",
    follows=CAUSES,
)
def initial_loss_too_high(history: History, *, times: float = TIMES) -> Iterator[Draft]:
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
    pixels of 0 to 16 below 2; the option `times` (3, doubled for regressions) leaves room above that. One batch with an
    outlier is no start: the median of the first five losses must be as high. Scores that the script multiplies on
    purpose (a margin loss's scale, a temperature) are not reported where the loss gets over it within 50 steps, and
    large inputs are reported as such.

    ## Source
    A. Karpathy, "A Recipe for Training Neural Networks" (2019): "verify loss at init".
    """
    found = high_start(history, times)
    if found is None or large_inputs(history) is not None:
        return
    outputs = history.metric("output/std").finite.values
    ratio = found.first / found.guess
    yield Draft(
        title=f"The first loss is {found.first:.3g}, {ratio:.3g} times what a guess scores"
        f" ({found.guess:.3g}): the fresh model is sure and wrong.",
        fix="Start with smaller weights (PyTorch's default, or nn.init.kaiming_uniform_) and scaled inputs.",
        step=1,
        evidence={
            "first loss": found.first,
            "a guess scores": found.guess,
            "ratio": ratio,
            "steps until it is that of a guess": found.over,
            "deviation of the first outputs": float(outputs[0]) if len(outputs) else None,
        },
        where=found.call.place,
        confidence=0.8,
        # Gradients that explode from the first look on say where to mend it: what the weights do layer by layer.
        because=(*CAUSES, "exploding-gradient") if steep_from_start(history) else (),
    )
