"""What a loss is held against."""

from __future__ import annotations

import numpy as np

from rules.build import Training, falling
from surefoot.facts import Cadence
from surefoot.rules.progress import progress


def _with_another_term(first: float) -> Training:
    """A loss whose one call gives 2.3 at the first step, where the step is made on `first`."""
    made = Training(falling(first, 0.3)).loss_call(first_value=2.3)
    return made.fact(Cadence, "optimizer 0", root_over_loss=None)


def test_a_guess_is_known_where_little_is_added_to_its_loss() -> None:
    assert progress(_with_another_term(2.32).history).chance is not None
    # A second loss beside it, or the sum over a batch turned into a mean by hand.
    assert progress(_with_another_term(3.4).history).chance is None
    assert progress(_with_another_term(0.07).history).chance is None


def test_a_start_below_a_guess_counts_where_its_noise_does_not_make_it_so() -> None:
    tuned = progress(Training(falling(0.4, 0.1)).history)
    assert tuned.reference == tuned.start
    noisy = 2.0 * (1 + 0.5 * np.random.default_rng(0).standard_normal(300))
    noisy[:3] = 1.0
    lucky = progress(Training(noisy).history)
    assert lucky.reference == lucky.chance
