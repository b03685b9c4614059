"""Tests of the rule `preprocessing-mismatch`."""

from rules.build import Training, found
from surefoot.facts import BatchInput


def test_fires() -> None:
    spoiled = Training().fact(BatchInput, "validation", mean=33.0, std=79.0, min=0.0, max=255.0)
    assert "scaled differently" in found("preprocessing-mismatch", spoiled)[0].title


def test_quiet() -> None:
    assert not found("preprocessing-mismatch", Training())


def test_near_miss() -> None:
    # Augmentation widens the training inputs a little; the other inputs are of another shape; tokens
    # have no scale.
    assert not found("preprocessing-mismatch", Training().fact(BatchInput, "validation", mean=0.2, std=0.8))
    other = Training().fact(BatchInput, "validation", mean=33.0, std=79.0, shape=[32, 5])
    assert not found("preprocessing-mismatch", other)
    tokens = Training().fact(BatchInput, "validation", mean=33.0, std=79.0, integer=True)
    assert not found("preprocessing-mismatch", tokens)


def test_one_wild_batch_is_no_preprocessing() -> None:
    wild = Training().fact(BatchInput, "train", mean=40.0, std=900.0)
    wild.metric("input/mean", [0.0] * 20 + [4000.0]).metric("input/std", [1.0] * 20 + [9000.0])
    assert not found("preprocessing-mismatch", wild)
