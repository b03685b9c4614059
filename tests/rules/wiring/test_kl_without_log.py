"""Tests of the rule `kl-without-log`."""

from typing import Any

from rules.build import Training, found


def divergence(low: float, high: float, off: float | None = 0.0, **more: Any) -> Training:
    return Training().loss_call(
        function="kl_div", input={"min": low, "max": high}, logsumexp_absmax=off, integer_target=False, **more
    )


def test_fires() -> None:
    probable = found("kl-without-log", divergence(0.0, 0.9, 2.4))[0]
    assert "probabilities without a logarithm" in probable.title
    assert "log_softmax" in probable.fix
    assert "raw scores" in found("kl-without-log", divergence(-7.0, 9.0, 9.1))[0].title
    assert found("kl-without-log", divergence(-7.0, -0.3, 0.4))


def test_quiet() -> None:
    assert not found("kl-without-log", divergence(-12.0, -0.01, 1e-6))


def test_near_miss() -> None:
    # Half precision, and maps whose class dimension is not the last.
    assert not found("kl-without-log", divergence(-12.0, 0.003, 0.004))
    assert not found("kl-without-log", divergence(-12.0, -0.1, 1.9, input_shape=[8, 3, 16, 16]))
