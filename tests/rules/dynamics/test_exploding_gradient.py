"""Tests of the rule `exploding-gradient`."""

import numpy as np

from rules.build import Training, flat, found


def test_fires() -> None:
    spoiled = Training(flat(0.4)).regression(deviation=0.7).scaled("grad_norm", 2000.0)
    finding = found("exploding-gradient", spoiled)[0]
    assert finding.evidence["gradient times weights over loss, median"] > 1000
    growing = Training(np.linspace(2.3, 3.0, 300))
    growing.series["grad_norm"] = np.geomspace(0.1, 1000.0, 300)
    assert "grow" in found("exploding-gradient", growing)[0].title


def test_quiet() -> None:
    assert not found("exploding-gradient", Training())


def test_near_miss() -> None:
    # Large in numbers, because loss and targets are: the answer to a relative change is what it always is.
    large = Training(flat(2e5)).regression(mean=300.0, deviation=400.0).scaled("grad_norm", 1e4)
    assert not found("exploding-gradient", large)
    # Steep, but clipped, and the loss falls.
    assert not found("exploding-gradient", Training().scaled("grad_norm", 2000.0))
