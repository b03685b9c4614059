"""Tests of the rule `lr-too-high`."""

import numpy as np

from rules.build import CREATED, Training, falling, flat, found


def _thrown() -> np.ndarray:
    """From a guess to well above it, where it stays."""
    return np.concatenate([[2.31, 2.7, 3.3], flat(3.6, steps=297)])


def test_fires() -> None:
    spoiled = Training(_thrown()).optimizer("SGD", lr=5.0).scaled("update_norm", 100.0)
    finding = found("lr-too-high", spoiled)[0]
    assert finding.severity == "error"
    assert "learning rate 5 is too high" in finding.title
    assert finding.where == CREATED


def test_quiet() -> None:
    assert not found("lr-too-high", Training())


def test_near_miss() -> None:
    # Large steps in a training that gets on; a loss that stands still under small steps.
    assert not found("lr-too-high", Training().scaled("update_norm", 60.0))
    assert not found("lr-too-high", Training(_thrown()))
    # A policy gradient's loss, of either sign, and players against each other.
    either = Training(np.random.default_rng(0).standard_normal(300)).scaled("update_norm", 100.0)
    assert not found("lr-too-high", either)
    assert not found("lr-too-high", Training(_thrown()).scaled("update_norm", 100.0).second_player())


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
    thrown = [step + after for step in (60, 120, 180, 240) for after in range(3)]
    losses = falling(2.3, 0.05)
    losses[thrown] = 9.0
    training = Training(losses).scaled("update_norm", 200.0)
    assert not found("lr-too-high", training)
    held_up = falling(2.3, 0.9)
    held_up[thrown] = 9.0
    assert found("lr-too-high", Training(held_up).scaled("update_norm", 200.0))
    bad_batches = falling(2.3, 0.9)
    bad_batches[thrown[::3]] = 9.0
    assert not found("lr-too-high", Training(bad_batches).scaled("update_norm", 200.0))


def test_a_model_that_can_do_no_better_than_a_guess_has_not_been_thrown_there() -> None:
    steady = Training(flat(2.31)).scaled("update_norm", 100.0)
    assert not found("lr-too-high", steady)
    # The same loss, and outputs that told the examples apart until the first steps made them one.
    spread = np.concatenate([np.full(10, 0.4), np.zeros(50)])
    collapsed = Training(flat(2.31)).scaled("update_norm", 100.0).metric("output/batch_std", spread)
    assert found("lr-too-high", collapsed)


def test_a_lucky_start_is_no_reference() -> None:
    """Three easy batches at first: a constant guess is what knowing nothing scores, and the loss is below it."""
    losses = 2.0 * (1 + 0.5 * np.random.default_rng(0).standard_normal(300))
    losses[:3] = 1.0
    assert not found("lr-too-high", Training(losses).scaled("update_norm", 100.0))


def test_what_was_learned_and_is_lost_again() -> None:
    losses = np.concatenate([falling(2.3, 0.05, steps=150), flat(1.5, steps=150, noise=0.2)])
    (finding,) = found("lr-too-high", Training(losses).scaled("update_norm", 60.0))
    assert "back to" in finding.title
    assert not found("lr-too-high", Training(losses)), "steps as small as usual"


def test_a_first_step_of_many_times_the_weights_and_then_no_number() -> None:
    thrown = Training(np.array([2.3, *[np.nan] * 20])).scaled("update_norm", 1e-9)
    thrown.layers["update_norm"][0] = 100.0
    assert found("lr-too-high", thrown)
    assert found("lr-too-high", thrown.second_player())
