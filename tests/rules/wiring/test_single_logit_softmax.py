"""Tests of the rule `single-logit-softmax`."""

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().loss_call(classes=1, input_shape=[32, 1])
    assert "always 1" in found("single-logit-softmax", spoiled)[0].title


def test_quiet() -> None:
    assert not found("single-logit-softmax", Training())


def test_near_miss() -> None:
    # One output under the binary loss is right.
    binary = Training().loss_call(function="binary_cross_entropy_with_logits", classes=1, input_shape=[32, 1])
    assert not found("single-logit-softmax", binary)
    # A sure classifier of two classes comes near one, and near zero.
    sure = Training().loss_call(chain=["SoftmaxBackward0"], input={"min": 0.0, "max": 1.0})
    assert not found("single-logit-softmax", sure)


def test_softmax_over_one() -> None:
    spoiled = Training().loss_call(
        function="binary_cross_entropy",
        chain=["SoftmaxBackward0"],
        input={"min": 1.0, "max": 1.0},
        classes=None,
    )
    assert found("single-logit-softmax", spoiled)
