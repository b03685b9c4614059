"""Tests of the rule `loss-sign-flipped`."""

from dataclasses import replace

import numpy as np

from rules.build import Training, falling, found
from surefoot.facts import Cadence


def test_fires() -> None:
    spoiled = Training(-falling(0.2, 90.0)).fact(Cadence, "optimizer 0", root_over_loss=-1.0)
    assert "negative" in found("loss-sign-flipped", spoiled)[0].title
    ascent = Training().optimizer("SGD", maximize=True)
    assert "maximizes" in found("loss-sign-flipped", ascent)[0].title


def test_quiet() -> None:
    assert not found("loss-sign-flipped", Training())


def test_near_miss() -> None:
    # Players against each other; the negative under an optimizer that maximizes.
    players = Training(-falling()).fact(Cadence, "optimizer 0", root_over_loss=-1.0).second_player()
    assert not found("loss-sign-flipped", players)
    negative = Training(-falling(90.0, 0.2)).fact(Cadence, "optimizer 0", root_over_loss=-1.0)
    twice = negative.optimizer("SGD", maximize=True)
    assert not found("loss-sign-flipped", twice)
    # An adversarial example: the input is what is stepped.
    example = Training(-falling()).fact(Cadence, "optimizer 0", root_over_loss=-1.0)
    example.parameters = [replace(p, is_parameter=False) for p in example.parameters]
    assert not found("loss-sign-flipped", example)
    # A rate too high makes the loss climb by large steps.
    high = Training(np.linspace(2.3, 9.0, 300)).scaled("update_norm", 100.0)
    assert not found("loss-sign-flipped", high)


def test_steady_climb_by_hand() -> None:
    climbing = Training(np.linspace(2.3, 9.0, 300)).optimizer("by hand")
    assert "climbs" in found("loss-sign-flipped", climbing)[0].title


def test_a_likelihood_that_is_minimised() -> None:
    flipped = Training(-np.geomspace(7.0, 1e9, 300))
    assert "without bound" in found("loss-sign-flipped", flipped)[0].title
    # A cosine similarity goes from nothing to nearly one and slows down; a good density grows slowly.
    cosine = Training(-(0.01 + 0.95 * (1 - np.exp(-np.arange(300) / 60))))
    assert not found("loss-sign-flipped", cosine)
    density = Training(-np.linspace(0.1, 9.0, 300))
    assert not found("loss-sign-flipped", density)


def test_a_term_of_another_sign_is_no_flip() -> None:
    # An actor's loss of either sign plus a critic's squared error: their ratio may well be negative.
    mixed = Training(np.random.default_rng(0).standard_normal(300)).fact(
        Cadence, "optimizer 0", root_over_loss=-0.8
    )
    assert not found("loss-sign-flipped", mixed)
