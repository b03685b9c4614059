"""Tests of the rule `clipping-too-tight`."""

import numpy as np

from rules.build import Training, flat, found
from surefoot.facts import ClipCall

TIGHT = {"function": "clip_grad_norm_", "limit": 0.001, "norm": 1.0, "clipped": 1.0, "count": 300}


def test_fires() -> None:
    finding = found("clipping-too-tight", _clipped(Training(flat()).optimizer("SGD")))[0]
    assert finding.evidence["usual clip factor"] == 0.001


def test_quiet() -> None:
    assert not found("clipping-too-tight", Training())


def test_near_miss() -> None:
    # Adam does not mind; and a tight limit under which the loss falls.
    assert not found("clipping-too-tight", _clipped(Training(flat())))
    assert not found("clipping-too-tight", _clipped(Training().optimizer("SGD")))
    # Nearly always clipped, but to a third.
    third = Training(flat()).optimizer("SGD").fact(ClipCall, "train.py:8", **{**TIGHT, "limit": 0.3})
    assert not found("clipping-too-tight", third)


def test_by_a_clipper_of_ours() -> None:
    training = Training(flat()).optimizer("SGD")
    training.series |= {"clip_factor": np.full(300, 0.004), "clip_threshold": np.full(300, 0.01)}
    assert found("clipping-too-tight", training)[0].evidence["limit"] == 0.01


def _clipped(training: Training) -> Training:
    return training.fact(ClipCall, "train.py:8", **TIGHT)


def test_under_adam_where_what_is_left_is_below_its_eps() -> None:
    assert not found("clipping-too-tight", _clipped(Training(flat()).optimizer("Adam", eps=1e-8)))
    tiny = _clipped(Training(flat()).optimizer("Adam", eps=1e-8)).scaled("grad_norm", 1e-7)
    assert found("clipping-too-tight", tiny)
