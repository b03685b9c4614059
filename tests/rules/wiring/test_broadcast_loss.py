"""Tests of the rule `broadcast-loss`."""

from rules.build import Training, found
from surefoot.facts import ManualLoss


def test_fires() -> None:
    spoiled = Training().regression(input_shape=[32, 1], target_shape=[32])
    finding = found("broadcast-loss", spoiled)[0]
    assert finding.evidence["stretched to"] == [32, 32]


def test_quiet() -> None:
    assert not found("broadcast-loss", Training())
    assert not found("broadcast-loss", Training().regression())


def test_near_miss() -> None:
    # A number against a batch, and a map against its own row: one side only is stretched.
    for shapes in (([32, 1], []), ([32, 1], [1]), ([32, 10], [10]), ([32, 1], [32, 5])):
        one = Training().regression(input_shape=shapes[0], target_shape=shapes[1])
        assert not found("broadcast-loss", one), shapes


def test_by_hand() -> None:
    met = {"shapes": [[32, 1], [32]], "to": [32, 32], "operation": "SubBackward0"}
    spoiled = Training().fact(ManualLoss, "train.py:6: l", broadcast=met, place="train.py:6: l")
    finding = found("broadcast-loss", spoiled)[0]
    assert finding.where == "train.py:6: l"
    assert "stretches shape [32, 1] against [32] to [32, 32]" in finding.title


def test_by_hand_against_a_constant() -> None:
    met = {"shapes": [[32, 1]], "to": [32, 32], "operation": "SubBackward0"}
    spoiled = Training().fact(ManualLoss, "train.py:6: l", broadcast=met)
    assert "stretches shape [32, 1] to [32, 32]" in found("broadcast-loss", spoiled)[0].title
    nothing = Training().fact(ManualLoss, "train.py:6: l", broadcast=None)
    assert not found("broadcast-loss", nothing)
