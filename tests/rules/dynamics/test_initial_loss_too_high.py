"""Tests of the rule `initial-loss-too-high`."""

import numpy as np

from rules.build import Training, falling, flat, found
from surefoot.facts import BatchInput


def test_fires() -> None:
    finding = found("initial-loss-too-high", Training(flat(110.0)).loss_call(first_value=110.0))[0]
    assert 47 < finding.evidence["ratio"] < 48


def test_quiet() -> None:
    assert not found("initial-loss-too-high", Training())


def test_near_miss() -> None:
    # Twice the guess, as unscaled pixels give; a sum over the batch; a regression whose targets are not
    # centred.
    assert not found("initial-loss-too-high", Training().loss_call(first_value=5.0))
    assert not found("initial-loss-too-high", Training().loss_call(first_value=75.0, reduction="sum"))
    assert not found("initial-loss-too-high", Training().regression(mean=10.0, deviation=1.0))


def test_a_rare_class_is_not_known_at_the_start() -> None:
    rare = Training().loss_call(
        function="binary_cross_entropy_with_logits", target={"mean": 0.02, "std": 0.14}, first_value=0.69
    )
    assert not found("initial-loss-too-high", rare)


def test_a_sum_over_pixels_is_a_sum_over_elements() -> None:
    pixels = Training().loss_call(
        function="binary_cross_entropy",
        reduction="sum",
        target_shape=[32, 784],
        target={"mean": 0.2, "std": 0.3},
        first_value=0.69 * 32 * 784,
    )
    assert not found("initial-loss-too-high", pixels)


def test_one_batch_with_an_outlier_is_no_start() -> None:
    losses = falling()
    losses[0] = 110.0
    assert not found("initial-loss-too-high", Training(losses).loss_call(first_value=110.0))


def test_scores_that_are_multiplied_on_purpose() -> None:
    losses = np.concatenate([falling(9.0, 0.1, steps=100), np.full(200, 0.1)])
    margin = Training(losses).loss_call(first_value=9.0, chain=["MulBackward0", "AddBackward0"])
    assert not found("initial-loss-too-high", margin)
    never = Training(flat(9.0)).loss_call(first_value=9.0, chain=["MulBackward0", "AddBackward0"])
    assert found("initial-loss-too-high", never)


def test_large_inputs_are_reported_as_such() -> None:
    pixels = Training(falling(50.0, 0.1)).loss_call(first_value=50.0)
    pixels.fact(BatchInput, "train", min=0.0, max=255.0, feature_std_max=108.0, feature_mean_absmax=120.0)
    assert not found("initial-loss-too-high", pixels)
    assert "first losses" in found("unnormalized-inputs", pixels)[0].title
