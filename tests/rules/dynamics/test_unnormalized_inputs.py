"""Tests of the rule `unnormalized-inputs`."""

import numpy as np

from rules.build import Training, falling, flat, found
from surefoot.facts import BatchInput

RAW = {
    "min": 0.1,
    "max": 1680.0,
    "feature_std_min": 0.12,
    "feature_std_max": 315.0,
    "feature_mean_absmax": 746.0,
}


def test_fires() -> None:
    spoiled = Training(flat()).fact(BatchInput, "train", **RAW)
    finding = found("unnormalized-inputs", spoiled)[0]
    assert finding.severity == "warning"
    assert finding.evidence["largest deviation of a feature"] == 315.0


def test_quiet() -> None:
    assert not found("unnormalized-inputs", Training())


def test_near_miss() -> None:
    # It gets on; a normalisation layer comes first; tokens are numbers without size.
    assert not found("unnormalized-inputs", Training().fact(BatchInput, "train", **RAW))
    for harmless in ({"normalized_inside": True}, {"integer": True}):
        assert not found(
            "unnormalized-inputs", Training(flat()).fact(BatchInput, "train", **{**RAW, **harmless})
        )
    # Pixels of 0 to 16, in a training with another trouble.
    pixels = Training(flat()).fact(
        BatchInput, "train", min=0, max=16, feature_std_max=6.0, feature_mean_absmax=12.0
    )
    assert not found("unnormalized-inputs", pixels)


def test_inputs_that_threw_the_first_losses_up() -> None:
    thrown = np.concatenate([np.geomspace(1000, 2.3, 60), np.linspace(2.3, 0.8, 240)])
    assert found("unnormalized-inputs", Training(thrown).fact(BatchInput, "train", **RAW))
    assert not found("unnormalized-inputs", Training(falling(2.3, 0.8)).fact(BatchInput, "train", **RAW))


def test_inputs_divided_twice() -> None:
    tiny = {"min": 0.0, "max": 0.0039, "feature_std_max": 0.0015, "feature_mean_absmax": 0.0012}
    assert "tiny" in found("unnormalized-inputs", Training(flat()).fact(BatchInput, "train", **tiny))[0].title
    assert not found("unnormalized-inputs", Training().fact(BatchInput, "train", **tiny))
    small = {**tiny, "feature_std_max": 0.048}
    assert not found("unnormalized-inputs", Training(flat()).fact(BatchInput, "train", **small))
