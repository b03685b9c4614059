"""Tests of the rule `weight-decay-too-strong`."""

import numpy as np

from rules.build import Training, flat, found
from surefoot.facts import ClipCall


def test_fires() -> None:
    finding = found(
        "weight-decay-too-strong", _shrinking(Training(flat()).optimizer("SGD", weight_decay=0.5))
    )[0]
    assert "0.5 is too strong" in finding.title
    assert finding.evidence["weights now"] < 0.3 * finding.evidence["weights at the start"]


def test_quiet() -> None:
    assert not found("weight-decay-too-strong", Training().optimizer("SGD", weight_decay=5e-4))


def test_near_miss() -> None:
    # Weights that shrink in a training that gets on; and a usual decay next to another trouble.
    assert not found("weight-decay-too-strong", _shrinking(Training().optimizer("SGD", weight_decay=0.5)))
    usual = _shrinking(Training(flat()).optimizer("SGD", weight_decay=1e-4))
    assert not found("weight-decay-too-strong", usual)


def _shrinking(training: Training) -> Training:
    return training.scaled("param_norm", np.geomspace(1.0, 0.1, len(training.sampled))[:, None])


def test_a_pull_that_holds_the_gradient_off() -> None:
    held = Training(flat()).optimizer("SGD", weight_decay=0.5)
    finding = found("weight-decay-too-strong", held.scaled("param_norm", 0.9))
    assert not finding  # of the first size all along
    held.layers["param_norm"][len(held.sampled) // 2 :] *= 0.8
    assert "times as hard as the gradient" in found("weight-decay-too-strong", held)[0].title


def test_clipping_is_not_taken_for_a_weak_gradient() -> None:
    clipped = _shrinking(Training(flat()).optimizer("SGD", weight_decay=0.05)).scaled("grad_norm", 1e-2)
    assert found("weight-decay-too-strong", clipped)
    call = {"function": "clip_grad_norm_", "limit": 0.01, "norm": 1.0, "clipped": 1.0, "count": 300}
    assert not found("weight-decay-too-strong", clipped.fact(ClipCall, "train.py:8", **call))


def test_decoupled_decay_is_weighed_against_the_step() -> None:
    assert not found(
        "weight-decay-too-strong", _shrinking(Training(flat()).optimizer("AdamW", weight_decay=0.01))
    )
    strong = _shrinking(Training(flat()).optimizer("AdamW", weight_decay=100.0))
    assert found("weight-decay-too-strong", strong)
