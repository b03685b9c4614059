"""Tests of the rule `unshuffled-data`."""

import numpy as np
import pytest

from rules.build import Training, found
from surefoot.facts import Loader
from surefoot.rules.wiring.unshuffled_data import _between, unshuffled_data

LOADER = "train.py:4: for x, y in loader:"


def test_fires() -> None:
    spoiled = _sorted()
    finding = found("unshuffled-data", spoiled)[0]
    assert finding.evidence["share of target variance between batches"] > 0.9
    assert finding.where.startswith("train.py:4")


def test_quiet() -> None:
    assert not found("unshuffled-data", Training())
    # Read in order, but the order has nothing to do with the labels.
    assert not found("unshuffled-data", Training().fact(Loader, LOADER, shuffled=False))


def test_near_miss() -> None:
    # Tasks one after the other, each shuffled: continual learning, not a forgotten shuffle.
    assert not found("unshuffled-data", _sorted().fact(Loader, LOADER, shuffled=True))
    # A series in order of time: targets drift, but do not climb the same way in each epoch.
    walk = np.cumsum(np.random.default_rng(0).standard_normal(300)) * 0.3
    stream = Training().regression().fact(Loader, LOADER, shuffled=False)
    stream.metric("target/mean", walk).metric("target/std", np.full(300, 0.3))
    assert not found("unshuffled-data", stream)


def test_regression_sorted_by_target() -> None:
    spoiled = Training().regression().fact(Loader, LOADER, shuffled=False)
    spoiled.metric("target/mean", np.tile(np.linspace(-2, 2, 40), 8)[:300]).metric(
        "target/std", np.full(300, 0.05)
    )
    assert "climb" in found("unshuffled-data", spoiled)[0].title


def _sorted() -> Training:
    training = Training().fact(Loader, LOADER, shuffled=False, sampler="SequentialSampler")
    label = np.repeat(np.arange(10.0), 4)
    training.metric("target/mean", np.tile(label, 8)[:300]).metric("target/std", np.full(300, 0.1))
    return training.metric("target/classes", np.full(300, 1.2))


def test_the_ones_and_zeros_of_a_gan() -> None:
    gan = _sorted().second_player().loss_call(function="binary_cross_entropy_with_logits")
    assert not found("unshuffled-data", gan)


def test_spread_that_the_page_gives() -> None:
    """Intraclass correlation of shuffled batches of 32 of ten classes, from the draws themselves."""
    targets = np.random.default_rng(0).integers(0, 10, (3000, 15, 32)).astype(float)
    within, means = targets.var(axis=2).mean(1), targets.mean(2)
    shares = (means.var(axis=1) - within / 32) / (means.var(axis=1) + within * (1 - 1 / 32))
    assert f"{shares.std():.3f}" == "0.011"
    assert "standard deviation of 0.011" in " ".join((unshuffled_data.check.__doc__ or "").split())
    mine = _between(means[0], targets[0].std(axis=1), 32)
    assert mine == pytest.approx(max(0.0, shares[0]), abs=1e-12)
