"""The rule `unnormalized-inputs`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import BatchInput
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.progress import Progress, progress
from surefoot.rules.scale import Scale, large_inputs, small_inputs
from surefoot.rules.starts import high_start


@rule(
    "unnormalized-inputs",
    severity="warning",
    needs=(BatchInput, "series:loss"),
    since="0.1",
)
def unnormalized_inputs(
    history: History, *, learned: float = 0.5, way: float = 0.8, thrown: float = 10.0, tiny: float = 0.5
) -> Iterator[Draft]:
    """The inputs are not scaled, and the training suffers from it.

    ## What it finds
    Training inputs whose features have deviations or means of 25 and more and no normalisation layer in
    front, in a training that does not get on, or runs away. Or inputs none of whose features reaches 0.02, in a
    training that is not half way (option `tiny`).

    ## Why it matters
    Large features make large activations and gradients in the first layer: the first steps throw the weights
    about and kill units, and one rate cannot suit features of different size.

    ## Evidence shown
    Range of the inputs, the smallest and the largest deviation of a feature, the largest mean, the loss at
    the start and at the end.

    ## What to try
    Standardise each feature with the training set's mean and deviation (pixels: divide by 255), or put a
    normalisation layer first.

    ## When to ignore it
    If the training gets on: with more than half of the way made (option `learned`) nothing is reported, or 80 %
    (option `way`) where the first losses were ten times what a guess scores (option `thrown`), unless the
    first loss was far above that of a guess (`initial-loss-too-high`).

    ## Source
    LeCun et al. 1998, "Efficient BackProp", section 4.3; TheDeepChecker (2022), missing normalisation.
    """
    scale, seen = large_inputs(history), progress(history)
    small = small_inputs(history)
    if small is not None and seen.stuck(tiny):
        yield _tiny(small, seen)
    if scale is None or intent.adversarial(history) or len(seen.losses) + seen.nonfinite < 30:
        return
    far = seen.chance is not None and seen.start > thrown * seen.chance
    suffers = seen.nonfinite > 0 or (seen.judged and seen.learned < (way if far else learned))
    if not suffers and high_start(history) is None:
        return
    fact = scale.fact
    yield Draft(
        title=f"The inputs are not scaled: features reach sizes of {scale.size:.3g} "
        f"(range {fact.min:.3g} to {fact.max:.3g}), and {_suffering(suffers)}.",
        fix="Standardise the inputs with the training set's mean and deviation (pixels: divide by 255).",
        evidence={
            "range": [fact.min, fact.max],
            "smallest deviation of a feature": fact.feature_std_min,
            "largest deviation of a feature": fact.feature_std_max,
            "largest mean of a feature": fact.feature_mean_absmax,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
            "a constant guess scores": seen.chance,
        },
        confidence=0.85,
    )


def _suffering(suffers: bool) -> str:
    return "the training does not get on" if suffers else "the first losses are far above those of a guess"


def _tiny(scale: Scale[BatchInput], seen: Progress) -> Draft:
    fact = scale.fact
    return Draft(
        title=f"The inputs are tiny: no feature is larger than {scale.size:.3g} "
        f"(range {fact.min:.3g} to {fact.max:.3g}), and the training does not get on.",
        fix="Standardise the inputs with the training set's mean and deviation (once: were they divided twice?).",
        evidence={
            "range": [fact.min, fact.max],
            "largest deviation of a feature": fact.feature_std_max,
            "largest mean of a feature": fact.feature_mean_absmax,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
        },
        confidence=0.8,
    )
