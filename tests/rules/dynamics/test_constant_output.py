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


def test_every_example_gets_the_frequent_label() -> None:
    rare = Training(flat(0.135)).loss_call(
        function="binary_cross_entropy_with_logits", integer_target=False, target={"mean": 0.03, "std": 0.17}
    )
    rare.metric("output/mean", np.full(300, -3.4)).metric("output/batch_std", np.full(300, 0.3))
    assert "frequent label" in found("constant-output", rare)[0].title
    # It does not know much yet, but it says both.
    rare.metric("output/batch_std", np.full(300, 2.0))
    assert not found("constant-output", rare)
