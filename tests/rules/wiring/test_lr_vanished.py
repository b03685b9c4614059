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
