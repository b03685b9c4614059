"""Tests of the rule `plateau`."""

import pytest

from rules.build import Training, falling, flat, found


def test_fires() -> None:
    finding = found("plateau", Training(flat()))[0]
    assert finding.severity == "warning"
    assert finding.evidence["a constant guess scores"] == pytest.approx(2.3026, abs=1e-3)


def test_a_loss_that_rises_does_not_stand_still() -> None:
    assert found("plateau", Training(flat()))[0].title.startswith("The loss stands still: 2.")
    risen = found("plateau", Training(falling(2.3, 200.0)))[0]
    assert risen.title.startswith("The loss does not fall: 6.174 at the start, 196.1 after")


def test_quiet() -> None:
    assert not found("plateau", Training())


def test_near_miss() -> None:
    # Label noise: far from zero, and learned.
    assert not found("plateau", Training(falling(2.3, 1.4)))
    # Still running: long silences before a loss falls are usual.
    running = Training(flat(), status="running")
    assert not found("plateau", running)
    # A GAN hovers for ever.
    assert not found("plateau", Training(flat(0.69)).second_player())
    # A loss that stands still in training and falls in validation.
    assert not found("plateau", Training(flat()).metric("val_loss", [2.0, 1.5, 1.0], [100, 200, 300]))
