"""Norms against NumPy in float64, for every kind of gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.norms import global_norm, per_parameter_norms

KINDS = {
    "plain": [torch.randn(3, 4), torch.randn(()), torch.randn(5)],
    "empty among them": [torch.randn(3), torch.empty(0), torch.randn(2)],
    "strided": [torch.randn(6, 4).t(), torch.randn(10)[::2]],
    "half": [torch.randn(100).half(), torch.randn(3, 3).bfloat16()],
    "mixed": [torch.randn(3), torch.randn(4).double(), torch.randn(5).bfloat16()],
    "complex": [torch.randn(3, dtype=torch.complex64), torch.randn(2)],
    "sparse": [torch.sparse_coo_tensor([[1, 1, 3]], torch.randn(3, 2), (5, 2)), torch.randn(4)],
    "compressed": [torch.randn(4, 4).relu().to_sparse_csr(), torch.randn(4)],
}


def dense(gradient):
    gradient = gradient.to_dense() if gradient.layout != torch.strided else gradient
    return torch.view_as_real(gradient) if gradient.is_complex() else gradient


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("turn", [False, True])
def test_agrees_with_numpy(kind, dtype, turn):
    gradients = KINDS[kind][::-1] if turn else KINDS[kind]
    norms = per_parameter_norms(gradients, dtype)
    want = [np.linalg.norm(dense(g).double().numpy().ravel()) for g in gradients]
    assert norms.dtype == dtype
    assert norms.shape == (len(gradients),)
    np.testing.assert_allclose(norms.numpy(), want, rtol=1e-6)
    np.testing.assert_allclose(float(global_norm(norms)), np.linalg.norm(want), rtol=1e-6)


def test_the_default_is_float32_and_nothing_is_no_norm():
    assert per_parameter_norms([torch.ones(2)]).dtype == torch.float32
    assert per_parameter_norms([]).shape == (0,)
    assert float(global_norm(per_parameter_norms([]))) == 0


def test_gradients_with_a_graph_leave_none_behind():
    weight = torch.ones(3, requires_grad=True)
    (gradient,) = torch.autograd.grad((weight**3).sum(), weight, create_graph=True)
    assert not per_parameter_norms([gradient]).requires_grad


def test_nonfinite_gradients_have_nonfinite_norms():
    norms = per_parameter_norms(
        [torch.tensor([1.0, float("nan")]), torch.tensor([float("inf")]), torch.ones(1)]
    )
    assert norms[0].isnan()
    assert norms[1].isinf()
    assert norms[2] == 1


@given(st.lists(st.floats(1e-37, 1e37), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_the_global_norm_neither_vanishes_nor_overflows(values):
    norm = float(global_norm(torch.tensor(values)))
    assert norm == pytest.approx(np.linalg.norm(np.float32(values).astype(float)), rel=1e-6)


def test_gradients_are_not_touched_and_the_result_is_bitwise_the_same_again():
    gradients = [torch.randn(50, 3), torch.randn(7)]
    copies = [g.clone() for g in gradients]
    first = per_parameter_norms(gradients)
    assert torch.equal(first, per_parameter_norms(gradients))
    assert all(map(torch.equal, gradients, copies))
