"""Tests of the rule `sigmoid-before-logits-loss`."""

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().loss_call(
        function="binary_cross_entropy_with_logits",
        chain=["SqueezeBackward1", "SigmoidBackward0", "AddmmBackward0"],
        input={"min": 0.02, "max": 0.99},
    )
    assert "sigmoid" in found("sigmoid-before-logits-loss", spoiled)[0].title


def test_quiet() -> None:
    assert not found("sigmoid-before-logits-loss", Training())


def test_near_miss() -> None:
    # BCELoss wants the sigmoid.
    wanted = Training().loss_call(
        function="binary_cross_entropy", chain=["SigmoidBackward0"], input={"min": 0.02, "max": 0.99}
    )
    assert not found("sigmoid-before-logits-loss", wanted)
    # A gate further back, behind a linear layer, is no output.
    gate = Training().loss_call(
        function="binary_cross_entropy_with_logits", chain=["AddmmBackward0", "SigmoidBackward0"]
    )
    assert not found("sigmoid-before-logits-loss", gate)


def test_in_front_of_cross_entropy() -> None:
    spoiled = Training().loss_call(chain=["SigmoidBackward0"], input={"min": 0.02, "max": 0.99})
    assert "cross_entropy applies softmax" in found("sigmoid-before-logits-loss", spoiled)[0].title
