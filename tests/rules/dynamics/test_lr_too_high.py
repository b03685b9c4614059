"""Tests of the rule `lr-too-high`."""

import numpy as np

from rules.build import CREATED, Training, falling, flat, found


def test_fires() -> None:
    spoiled = Training(flat(2.6)).optimizer("SGD", lr=5.0).scaled("update_norm", 100.0)
    finding = found("lr-too-high", spoiled)[0]
    assert finding.severity == "error"
    assert "learning rate 5 is too high" in finding.title
    assert finding.where == CREATED


def test_quiet() -> None:
    assert not found("lr-too-high", Training())


def test_near_miss() -> None:
    # Large steps in a training that gets on; a loss that stands still under small steps.
    assert not found("lr-too-high", Training().scaled("update_norm", 60.0))
    assert not found("lr-too-high", Training(flat(2.6)))
    # A policy gradient's loss, of either sign, and players against each other.
    either = Training(np.random.default_rng(0).standard_normal(300)).scaled("update_norm", 100.0)
    assert not found("lr-too-high", either)
    assert not found("lr-too-high", Training(flat(2.6)).scaled("update_norm", 100.0).second_player())


def test_runs_away() -> None:
    away = Training(np.concatenate([2.3 * 3.0 ** np.arange(20), np.full(30, np.nan)]))
    finding = found("lr-too-high", away)[0]
    assert "ran away" in finding.title
    assert finding.step == 21


def test_a_few_steps_that_run_away_are_enough() -> None:
    away = Training(20.0 * 5.0 ** np.arange(9)).optimizer("SGD", lr=1.0).scaled("update_norm", 1000.0)
    finding = found("lr-too-high", away)[0]
    assert (finding.severity, "in 9 steps" in finding.title) == ("error", True)
    # As steep, and small steps: not the rate's doing. As large steps, and a short climb: too early to tell.
    assert not found("lr-too-high", Training(20.0 * 5.0 ** np.arange(9)))
    assert not found("lr-too-high", Training(20.0 * 1.5 ** np.arange(9)).scaled("update_norm", 1000.0))


def test_nan_out_of_the_blue_is_not_the_rate() -> None:
    assert not found("lr-too-high", Training(np.concatenate([falling(steps=200), np.full(100, np.nan)])))


def test_large_steps_that_kill_units_though_the_loss_falls() -> None:
    spoiled = Training(falling(2.3, 0.8)).scaled("update_norm", 200.0)
    spoiled.units["dead_share"][10:, 0] = 0.9
    assert "units of relu after fc1.weight died" in found("lr-too-high", spoiled)[0].title
    # Sparse from the start, as it was initialised, is another matter.
    spoiled.units["dead_share"][:, 0] = 0.9
    assert not found("lr-too-high", spoiled)


def test_first_steps_that_the_loss_does_not_get_over() -> None:
    losses = falling(2.4, 1.9)
    losses[2:8] = 3.6
    spoiled = Training(losses)
    spoiled.layers["update_norm"][:3] *= 400
    assert "has not got over it" in found("lr-too-high", spoiled)[0].title
    # As large at first, and it gets on.
    well = Training(falling(2.4, 0.2))
    well.layers["update_norm"][:3] *= 400
    assert not found("lr-too-high", well)


def test_an_overflow_after_a_few_losses_that_climb() -> None:
    assert found("lr-too-high", Training(np.array([9.0, 388.0, 7e7, 1.4e8] + [np.inf] * 196)))
    # Without a climb it is no rate.
    assert not found("lr-too-high", Training(np.array([9.0, 8.0, 9.5, 8.7] + [np.inf] * 196)))


def test_thrown_back_and_there_all_the_same() -> None:
    losses = falling(2.3, 0.05)
    losses[[60, 120, 180, 240]] = 9.0
    training = Training(losses).scaled("update_norm", 200.0)
    assert not found("lr-too-high", training)
    held_up = falling(2.3, 0.9)
    held_up[[60, 120, 180, 240]] = 9.0
    assert found("lr-too-high", Training(held_up).scaled("update_norm", 200.0))
