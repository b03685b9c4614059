"""Tests of the rule `nll-without-log-softmax`."""

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().loss_call(function="nll_loss", logsumexp_absmax=8.3)
    assert "raw scores" in found("nll-without-log-softmax", spoiled)[0].title
    probable = Training().loss_call(function="nll_loss", logsumexp_absmax=2.4, input={"min": 0.0, "max": 1.0})
    assert "without a logarithm" in found("nll-without-log-softmax", probable)[0].title


def test_quiet() -> None:
    right = Training().loss_call(function="nll_loss", chain=["LogSoftmaxBackward0"], logsumexp_absmax=2e-7)
    assert not found("nll-without-log-softmax", right)


def test_near_miss() -> None:
    # log(softmax(x) + 1e-3) is off by a little; half precision too.
    near = Training().loss_call(function="nll_loss", chain=["LogBackward0"], logsumexp_absmax=0.01)
    assert not found("nll-without-log-softmax", near)
    # log-sigmoid per class: not normalised, and bounded all the same.
    each = Training().loss_call(
        function="nll_loss",
        chain=["LogSigmoidBackward0"],
        logsumexp_absmax=1.9,
        input={"min": -9.0, "max": -0.01},
    )
    assert not found("nll-without-log-softmax", each)
