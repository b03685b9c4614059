"""Tests of the rule `softmax-before-cross-entropy`."""

from rules.build import LOSS, Training, found


def test_fires() -> None:
    spoiled = Training().loss_call(
        chain=["SoftmaxBackward0", "AddmmBackward0"],
        input={"min": 0.001, "max": 0.98, "mean": 0.1, "std": 0.2},
        rowsum_min=1.0,
        rowsum_max=1.0000002,
    )
    finding = found("softmax-before-cross-entropy", spoiled)[0]
    assert finding.where == LOSS
    assert abs(finding.evidence["lowest loss possible"] - 1.4612) < 1e-3


def test_quiet() -> None:
    assert not found("softmax-before-cross-entropy", Training())


def test_near_miss() -> None:
    # A log-softmax in front changes nothing: its results are not in [0, 1].
    twice = Training().loss_call(
        chain=["LogSoftmaxBackward0"], input={"min": -9.0, "max": -0.01}, rowsum_min=-40.0, rowsum_max=-23.0
    )
    assert not found("softmax-before-cross-entropy", twice)
    # Logits that happen to lie in [0, 1] do not sum to one.
    small = Training().loss_call(input={"min": 0.0, "max": 0.9}, rowsum_min=2.1, rowsum_max=5.0)
    assert not found("softmax-before-cross-entropy", small)


def test_behind_dropout_and_reshape_and_by_other_means() -> None:
    hidden = Training().loss_call(
        chain=["ViewBackward0", "MulBackward0", "DivBackward0"],
        input={"min": 0.001, "max": 0.98, "mean": 0.1, "std": 0.2},
        rowsum_min=1.0,
        rowsum_max=1.0000002,
    )
    assert found("softmax-before-cross-entropy", hidden)[0].confidence < 1
