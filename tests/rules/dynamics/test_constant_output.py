"""Tests of the rule `constant-output`."""

import numpy as np

from rules.build import Training, flat, found


def test_fires() -> None:
    spoiled = Training(flat()).metric("output/batch_std", np.full(300, 1e-4))
    assert "same for every input" in found("constant-output", spoiled)[0].title


def test_quiet() -> None:
    assert not found("constant-output", Training())


def test_near_miss() -> None:
    # It stands still, but its outputs differ; and a GAN's player that says the same to all.
    assert not found("constant-output", Training(flat()).metric("output/batch_std", np.full(300, 0.2)))
    player = Training(flat()).metric("output/batch_std", np.full(300, 1e-4)).second_player()
    assert not found("constant-output", player)
