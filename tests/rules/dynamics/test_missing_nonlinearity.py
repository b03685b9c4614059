"""Tests of the rule `missing-nonlinearity`."""

from rules.build import Training, found
from surefoot.facts import LinearPair

PAIR = {"first": "fc1.weight", "second": "fc2.weight", "layers": 3, "bottleneck": False}


def test_fires() -> None:
    finding = found(
        "missing-nonlinearity", Training().fact(LinearPair, "fc1 -> fc2", **{**PAIR, "nonlinearities": 0})
    )[0]
    assert finding.severity == "warning"
    assert "3 linear layers" in finding.title


def test_quiet() -> None:
    assert not found("missing-nonlinearity", Training())


def test_near_miss() -> None:
    # A factorised linear map; and one pair in a network that has its nonlinearities: worth knowing, no more.
    narrow = Training().fact(LinearPair, "fc1 -> fc2", **{**PAIR, "nonlinearities": 0, "bottleneck": True})
    assert not found("missing-nonlinearity", narrow)
    pair = Training().fact(LinearPair, "fc1 -> fc2", **{**PAIR, "nonlinearities": 2})
    assert found("missing-nonlinearity", pair)[0].severity == "information"
