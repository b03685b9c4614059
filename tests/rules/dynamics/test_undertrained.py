"""Tests of the rule `undertrained`."""

import numpy as np

from rules.build import Training, found
from surefoot.rules.dynamics.undertrained import undertrained


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


def test_falls_that_the_page_gives() -> None:
    page = " ".join((undertrained.check.__doc__ or "").split())
    for power, said in ((1.0, "20 %"), (0.5, "11 %")):
        assert f"{1 - 0.8**power:.0%}".replace("%", " %") == said
        assert said in page
