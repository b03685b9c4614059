"""Tests of the rule `unscaled-targets`."""

import numpy as np

from rules.build import Training, falling, flat, found


def test_fires() -> None:
    spoiled = Training(np.linspace(29000, 20400, 300)).regression(mean=152.0, deviation=77.0)
    finding = found("unscaled-targets", spoiled)[0]
    assert finding.evidence["predicting the mean scores"] == 77.0**2


def test_quiet() -> None:
    assert not found("unscaled-targets", Training())
    assert not found("unscaled-targets", Training().regression())


def test_near_miss() -> None:
    # Large targets that are learned.
    assert not found(
        "unscaled-targets", Training(falling(29000, 1000)).regression(mean=152.0, deviation=77.0)
    )
    # Targets of order ten that are not.
    assert not found("unscaled-targets", Training(flat(90.0)).regression(mean=5.0, deviation=9.0))


def test_outputs_still_on_their_way_to_the_targets() -> None:
    falls = np.linspace(29000, 2500, 300)
    assert found("unscaled-targets", Training(falls).regression(mean=152.0, deviation=77.0))
    # As far, and settled there: what the data allow.
    settled = Training(np.maximum(falls, 2600)).regression(mean=152.0, deviation=77.0)
    settled.losses[-100:] = 2600
    assert not found("unscaled-targets", settled)
