"""Tests of the rule `lr-vanished`."""

import numpy as np

from rules.build import Training, falling, found
from surefoot.facts import Scheduler

STILL = np.concatenate([np.linspace(2.3, 1.4, 20), np.full(280, 1.4)])


def test_fires() -> None:
    finding = found("lr-vanished", _scheduled(0.3 ** (np.arange(300) // 4), losses=STILL))[0]
    assert finding.step == 17
    assert "once an epoch" in finding.fix


def test_quiet() -> None:
    assert not found("lr-vanished", Training())
    cosine = 0.5 * (1 + np.cos(np.pi * np.arange(300) / 300))
    assert not found("lr-vanished", _scheduled(cosine, losses=STILL))


def test_near_miss() -> None:
    # Restarts come back; a converged loss may stand still; a loss that falls on is not stopped by the rate.
    restarts = np.tile(0.5 * (1 + np.cos(np.pi * np.arange(100) / 99)), 3)
    assert not found("lr-vanished", _scheduled(restarts, losses=STILL))
    fast = 0.3 ** (np.arange(300) // 4)
    assert not found("lr-vanished", _scheduled(fast, losses=falling(end=0.05)))
    assert not found("lr-vanished", _scheduled(fast, losses=np.linspace(2.3, 1.0, 300)))


def test_a_function_that_returns_the_rate() -> None:
    factors = 0.05 * (1 + 0.003 * np.arange(300)) ** -0.75
    squared = _scheduled(factors, losses=falling())
    given = {"class_name": "LambdaLR", "settings": {"base_lrs": [0.05]}}
    finding = found("lr-vanished", squared.fact(Scheduler, "scheduler 0", **given))[0]
    assert "0.0025 and not 0.05" in finding.title
    # A warm-up passes the rate's own value, and goes on.
    warming = _scheduled(np.linspace(0.0005, 0.05, 300), losses=falling())
    assert not found("lr-vanished", warming.fact(Scheduler, "scheduler 0", **given))
    usual = _scheduled(np.linspace(1, 0.05, 300), losses=falling())
    assert not found("lr-vanished", usual.fact(Scheduler, "scheduler 0", **given))


def test_a_plateau_watcher_of_the_wrong_direction() -> None:
    halved = _scheduled(0.5 ** (np.arange(300) // 60), losses=falling())
    watching = {"class_name": "ReduceLROnPlateau", "settings": {"mode": "max"}}
    loss = [2.0, 1.4, 1.1, 0.9, 0.7]
    finding = found("lr-vanished", halved.fact(Scheduler, "scheduler 0", watched=loss, **watching))[0]
    assert 'mode="min"' in finding.fix
    accuracy = [0.2, 0.5, 0.6, 0.58, 0.59]
    assert not found("lr-vanished", halved.fact(Scheduler, "scheduler 0", watched=accuracy, **watching))
    # An accuracy under "min": the validation loss falls meanwhile. A validation loss that rises is one of its own.
    least = {"class_name": "ReduceLROnPlateau", "settings": {"mode": "min"}}
    assert found("lr-vanished", halved.fact(Scheduler, "scheduler 0", watched=accuracy, **least))
    overfit = halved.metric("val_loss", np.linspace(1.0, 2.0, 5), [60, 120, 180, 240, 300])
    assert not found(
        "lr-vanished", overfit.fact(Scheduler, "scheduler 0", watched=[1.0, 1.2, 1.5, 1.8], **least)
    )


def _scheduled(factors: np.ndarray, losses: np.ndarray) -> Training:
    training = Training(losses)
    training.series["lr"] = 0.05 * factors
    return training.fact(
        Scheduler, "scheduler 0", steps=300, per_step=1.0, place="train.py:9", **{"class_name": "StepLR"}
    )


def test_a_rate_of_nothing_at_all_matters_at_a_low_loss_too() -> None:
    low = np.concatenate([np.geomspace(2.3, 0.2, 60), np.full(240, 0.2)])
    assert found("lr-vanished", _scheduled(0.5 ** (np.arange(300) // 8), losses=low))
    # One per cent of the peak still moves what is nearly there.
    assert not found("lr-vanished", _scheduled(np.where(np.arange(300) < 60, 1.0, 5e-3), losses=low))
