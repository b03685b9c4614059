"""Tests of the rule `undertrained`."""

import numpy as np

from rules.build import Training, found


def test_fires() -> None:
    losses = np.geomspace(2.3, 0.5, 300)
    spoiled = Training(losses).metric("val_loss", np.geomspace(2.3, 0.5, 10), np.arange(30, 301, 30))
    assert found("undertrained", spoiled)[0].severity == "information"


def test_quiet() -> None:
    assert not found("undertrained", Training())


def test_near_miss() -> None:
    losses = np.geomspace(2.3, 0.5, 300)
    # Stopped by somebody, not at its own end; and validation that no longer falls.
    stopped = Training(losses, status="stopped")
    stopped.metric("val_loss", np.geomspace(2.3, 0.5, 10), np.arange(30, 301, 30))
    assert not found("undertrained", stopped)
    level = Training(losses).metric(
        "val_loss", [2, 1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], np.arange(30, 301, 30)
    )
    assert not found("undertrained", level)
