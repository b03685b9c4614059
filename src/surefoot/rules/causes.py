"""Named groups of causes, for the `follows` of rules: which faults can be behind a symptom.

The order is the order of explanation: wiring, then data and its scale, then the rate, then what they do to
the loss.
"""

from __future__ import annotations

# Nothing that matters is updated, so nothing that is measured means anything.
NO_LEARNING = (
    "all-parameters-frozen",
    "grads-cleared-before-step",
    "missing-step",
    "no-gradient",
    "parameters-not-optimized",
    "ranks-diverged",
    "step-without-backward",
)

# The updates go somewhere else than down the intended loss.
WRONG_UPDATES = ("graph-retained", "loss-sign-flipped", "missing-zero-grad", "optimizer-recreated")

# The loss does not measure what it should, or the model cannot express the answer.
WRONG_LOSS = (
    "batch-mixing",
    "broadcast-loss",
    "constant-targets",
    "kl-without-log",
    "nll-without-log-softmax",
    "output-activation",
    "sigmoid-before-logits-loss",
    "single-logit-softmax",
    "softmax-before-cross-entropy",
    "softmax-wrong-dim",
    "target-out-of-range",
)

WIRING = (*NO_LEARNING, *WRONG_UPDATES, *WRONG_LOSS)

# What the numbers that go in look like.
DATA = ("nonfinite-input", "unnormalized-inputs", "unscaled-targets", "unshuffled-data")

# Of them, what is there before any step, whatever the order of the examples.
SCALE = ("nonfinite-input", "unnormalized-inputs", "unscaled-targets")

# How large the steps are, by other means than the rate itself.
STEP_SIZE = ("accumulation-unscaled", "loss-sum-reduction", "weight-decay-too-strong", "clip-ineffective")

START = ("initial-loss-too-high", "symmetric-initialization")
