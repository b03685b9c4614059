"""Tests of the rule `softmax-wrong-dim`."""

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().loss_call(
        function="binary_cross_entropy",
        chain=["SoftmaxBackward0", "AddmmBackward0"],
        softmax_dim=0,
        input_shape=[16, 1],
        classes=None,
    )
    finding = found("softmax-wrong-dim", spoiled)[0]
    assert "over the batch" in finding.title


def test_quiet() -> None:
    assert not found("softmax-wrong-dim", Training())
    right = Training().loss_call(chain=["SoftmaxBackward0"], softmax_dim=1, rowsum_min=1.0, rowsum_max=1.0)
    assert not found("softmax-wrong-dim", right)


def test_near_miss() -> None:
    # log_softmax over dim 0 of one sequence of shape (time, classes) sums to one elsewhere; over the
    # last it is right.
    right = Training().loss_call(
        function="nll_loss", chain=["LogSoftmaxBackward0"], softmax_dim=-1, logsumexp_absmax=1e-6
    )
    assert not found("softmax-wrong-dim", right)
    # Attention is not the last softmax: a linear layer stands between it and the loss.
    assert not found("softmax-wrong-dim", Training().loss_call(chain=["AddmmBackward0", "SoftmaxBackward0"]))


def test_log_softmax_over_time() -> None:
    spoiled = Training().loss_call(
        function="nll_loss",
        chain=["ViewBackward0", "LogSoftmaxBackward0"],
        softmax_dim=1,
        logsumexp_absmax=1.7,
    )
    assert "wrong dimension" in found("softmax-wrong-dim", spoiled)[0].title


def test_the_logarithm_of_a_softmax_is_a_log_softmax() -> None:
    chain = ["ViewBackward0", "LogBackward0", "SoftmaxBackward0", "AddmmBackward0"]
    two_steps = {"function": "nll_loss", "chain": chain}
    spoiled = Training().loss_call(**two_steps, softmax_dim=0, logsumexp_absmax=1.7)
    assert "log_softmax" in found("softmax-wrong-dim", spoiled)[0].title
    assert not found(
        "softmax-wrong-dim", Training().loss_call(**two_steps, softmax_dim=1, logsumexp_absmax=0.0)
    )


def test_rows_of_a_reshaped_softmax() -> None:
    spoiled = Training().loss_call(
        chain=["ViewBackward0", "SoftmaxBackward0"], softmax_dim=1, rowsum_min=0.4, rowsum_max=2.0
    )
    assert found("softmax-wrong-dim", spoiled)
