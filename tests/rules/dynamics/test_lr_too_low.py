"""Tests of the rule `lr-too-low`."""

import numpy as np

from rules.build import Training, falling, flat, found


def test_fires() -> None:
    spoiled = Training(np.linspace(2.31, 2.309, 300)).optimizer("SGD", lr=1e-6).scaled("update_norm", 1e-3)
    finding = found("lr-too-low", spoiled)[0]
    assert "1e-06 is too low" in finding.title
    assert finding.evidence["way travelled over weights"] < 0.001


def test_the_rate_named_is_the_highest_that_there_was() -> None:
    spoiled = Training(np.linspace(2.31, 2.309, 300)).optimizer("SGD", lr=0.0).scaled("update_norm", 1e-3)
    spoiled.series["lr"] = np.linspace(1e-6, 0, 300)  # the schedule ended at nothing
    finding = found("lr-too-low", spoiled)[0]
    assert "rate 1e-06 is too low" in finding.title
    assert "(4.98e-07 at the usual step)" in finding.title
    assert finding.evidence["highest rate"] == 1e-6
    spoiled.series["lr"] = np.full(300, np.nan)  # by hand: unknown
    finding = found("lr-too-low", spoiled)[0]
    assert finding.title.startswith("The learning rate is too low")
    assert finding.evidence["highest rate"] is None


def test_quiet() -> None:
    assert not found("lr-too-low", Training())


def test_near_miss() -> None:
    small = 1e-3
    # Fine-tuning: tiny steps, and the loss falls.
    assert not found("lr-too-low", Training(falling(1.0, 0.5)).scaled("update_norm", small))
    # A warm-up over thousands of steps has only begun.
    warming = Training(flat(), status="stopped").scaled("update_norm", small)
    warming.series["lr"] = np.linspace(1e-7, 1e-5, 300)
    assert not found("lr-too-low", warming)
    # A second training, gentle, of what has learned before.
    assert not found("lr-too-low", Training(flat(0.4)).scaled("update_norm", small))
    # At the bottom nothing pulls.
    bottom = Training(flat(2.2)).scaled("update_norm", small).scaled("grad_norm", 1e-4)
    assert not found("lr-too-low", bottom)


def test_steps_that_promise_too_little_to_get_half_way() -> None:
    crept = Training(np.linspace(2.3, 1.7, 300)).scaled("update_norm", 0.02)
    finding = found("lr-too-low", crept)[0]
    assert finding.evidence["promised by all steps, of the loss"] < 0.6
    assert not found("lr-too-low", Training(np.linspace(2.3, 0.9, 300)).scaled("update_norm", 0.02))


def test_steps_that_are_lost_in_rounding() -> None:
    lost = Training(flat()).optimizer("SGD", lr=1e-12).scaled("update_norm", 0.0)
    lost.series["lr"] = np.full(300, 1e-12)
    assert "lost in the rounding" in found("lr-too-low", lost)[0].title


def test_the_rate_named_is_that_of_the_steps_that_are_lost() -> None:
    lost = Training(flat()).optimizer("SGD", lr=3e-3)
    lost.series["lr"] = np.where(
        np.arange(300) < 20, 3e-3, 3e-12
    )  # a schedule made for epochs, stepped every batch
    lost.layers["update_norm"][20:] = 0.0
    finding = found("lr-too-low", lost)[0]
    assert finding.title.startswith(
        "The learning rate 3e-12 is too low: most of 300 steps are lost in the rounding"
    )
    assert finding.evidence["highest rate"] == 3e-3
    assert finding.evidence["usual rate"] == 3e-12
