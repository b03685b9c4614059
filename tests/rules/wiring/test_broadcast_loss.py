"""Tests of the rule `broadcast-loss`."""

from rules.build import Training, found


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
    # Pairs of examples, written out.
    pairs = Training().fact(
        "manual-loss", "train.py:6", broadcast={"shapes": [[32, 1], [1, 32]], "to": [32, 32]}
    )
    assert not found("broadcast-loss", pairs)


def test_by_hand() -> None:
    spoiled = Training().fact(
        "manual-loss", "train.py:6: l", broadcast={"shapes": [[32, 1], [32]], "to": [32, 32]}
    )
    assert found("broadcast-loss", spoiled)[0].where == "train.py:6: l"


def test_by_hand_against_a_constant() -> None:
    spoiled = Training().fact("manual-loss", "train.py:6: l", broadcast={"from": [32, 1], "to": [32, 32]})
    assert "stretches shape [32, 1] to [32, 32]" in found("broadcast-loss", spoiled)[0].title
    nothing = Training().fact("manual-loss", "train.py:6: l", broadcast=None)
    assert not found("broadcast-loss", nothing)
