from __future__ import annotations

import pytest
import torch

from surefoot.autograd import gradcheck
from surefoot.errors import SettingError


class Square(torch.autograd.Function):
    """factor 2 is right."""

    factor = 2.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return Square.factor * x * grad


class Product(torch.autograd.Function):
    """Its second gradient is wrong in the last column."""

    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, grad):
        a, b = ctx.saved_tensors
        wrong = (grad * a).clone()
        wrong[:, -1] += 0.5
        return grad * b, wrong


def test_a_right_function_is_right():
    verdict = gradcheck(Square.apply, torch.tensor([1.0, -2.0], requires_grad=True))
    assert verdict
    assert str(verdict).startswith("the backward pass of Square is right")
    assert verdict.inputs[0].entries == 4


def test_a_forgotten_factor_is_named(monkeypatch):
    monkeypatch.setattr(Square, "factor", 1.0)
    verdict = gradcheck(Square.apply, torch.tensor([1.0, -2.0]), names=["x"])
    assert not verdict
    (check,) = verdict.inputs
    assert check.worst == ((1,), (1,))
    assert (check.analytic, check.numeric) == (pytest.approx(-2), pytest.approx(-4))
    assert check.wrong == 2
    assert "2 times too small" in check.message
    assert "analytic -2, numeric -4" in check.message


def test_the_wrong_input_is_told_from_the_right_one():
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    verdict = gradcheck(Product.apply, (a, b), names=("a", "b"))
    first, second = verdict.inputs
    assert first.right
    assert not second.right
    assert second.worst[1][1] == 2  # the last column
    assert second.analytic - second.numeric == pytest.approx(0.5, abs=1e-5)
    assert "(2, 3)" in second.message
    assert a.dtype == torch.float32
    assert a.grad is None


def test_only_what_requires_gradients_is_checked():
    fixed, moving = torch.randn(2, 2), torch.randn(2, 2, requires_grad=True)
    verdict = gradcheck(lambda x, y: x @ y, (fixed, moving))
    assert [c.name for c in verdict.inputs] == ["input 1"]
    assert verdict


def test_a_backward_of_the_wrong_shape_or_that_fails_is_a_verdict():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, grad):
            return grad.expand(7)

    verdict = gradcheck(Wrong.apply, torch.ones(3))
    assert not verdict
    assert "could not run" in verdict.inputs[0].message
    assert "shape" in verdict.inputs[0].message


def test_several_outputs_and_a_zero_backward():
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone(), 3 * x

        @staticmethod
        def backward(ctx, one, two):
            return torch.zeros_like(one)

    (check,) = gradcheck(Two.apply, torch.ones(2)).inputs
    assert check.numeric == pytest.approx(3)
    assert "returns zero" in check.message
    assert check.worst == ((0,), (0,))


def test_bad_input_gets_one_sentence():
    with pytest.raises(SettingError, match="floating dtype"):
        gradcheck(torch.abs, torch.ones(2, dtype=torch.long))
    with pytest.raises(SettingError, match="give one each"):
        gradcheck(torch.abs, torch.ones(2), names=["a", "b"])
