"""Tests of the rule `noisy-gradient`."""

from rules.build import Training, flat, found
from surefoot.facts import Noise


def test_fires() -> None:
    spoiled = Training(flat(noise=0.3)).fact(Noise, scale=5000.0, examples=2, observations=20)
    assert found("noisy-gradient", spoiled)[0].evidence["ratio"] == 2500


def test_quiet() -> None:
    assert not found("noisy-gradient", Training().fact(Noise, scale=60.0, examples=32, observations=20))


def test_near_miss() -> None:
    # A large noise scale late in a training that gets on is what theory says.
    assert not found("noisy-gradient", Training().fact(Noise, scale=5000.0, examples=2, observations=20))
    # Too few looks to say.
    few = Training(flat()).fact(Noise, scale=5000.0, examples=2, observations=2)
    assert not found("noisy-gradient", few)


def test_a_signal_that_chance_alone_would_give_is_none() -> None:
    drawn = {"scale": 5000.0, "examples": 2, "observations": 40, "signal_share": 0.001}
    assert not found("noisy-gradient", Training(flat(noise=0.3)).fact(Noise, **drawn, signal_error=0.02))
    assert found("noisy-gradient", Training(flat(noise=0.3)).fact(Noise, **drawn, signal_error=0.0002))
