"""Numbers read from the host's memory are those that PyTorch gives."""

from __future__ import annotations

import math
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surefoot.capture.host import gradient_norms, host_norm, host_number

floats = st.floats(width=32)


@given(floats)
def test_a_number_is_read_bit_for_bit(value: float) -> None:
    for dtype in (torch.float32, torch.float64):
        tensor = torch.tensor(value, dtype=dtype)
        found = host_number(tensor)
        assert found is not None
        assert struct.pack("d", found) == struct.pack("d", tensor.item()) or math.isnan(value)
        assert math.isnan(found) == math.isnan(value)


def test_views_and_losses_too() -> None:
    row = torch.arange(6.0)
    assert host_number(row[4]) == 4.0
    assert host_number(row[3:4]) == 3.0
    assert host_number((row.requires_grad_() * 2).sum()) == 30.0


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(2),
        torch.ones(0),
        torch.tensor(1, dtype=torch.int64),
        torch.tensor(1.0, dtype=torch.bfloat16),
        torch.tensor(1.0, device="meta"),
        torch.nn.Parameter(torch.tensor(1.0)),
        torch.tensor([1.0]).to_sparse(),
        torch.imag(torch.tensor(1 + 2j).conj()),
    ],
)
def test_anything_else_is_left_alone(tensor: torch.Tensor) -> None:
    assert host_number(tensor) is None


@given(st.lists(st.integers(1, 40), min_size=1, max_size=70), st.integers(0, 1000))
def test_the_global_norm(sizes: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    gradients = [torch.randn(size, generator=generator) for size in sizes]
    norms = gradient_norms(gradients)
    found = host_norm(norms) if not isinstance(norms, torch.Tensor) else norms.double().norm().item()
    assert found == pytest.approx(torch.cat(gradients).double().norm().item(), rel=1e-5)


def test_norms_hold_no_graph() -> None:
    weight = torch.ones(3, requires_grad=True)
    (gradient,) = torch.autograd.grad(weight.pow(3).sum(), weight, create_graph=True)
    norms = gradient_norms([gradient])
    assert not any(norm.requires_grad for norm in norms)


def test_infinite_and_not_a_number() -> None:
    assert host_norm(gradient_norms([torch.tensor([math.inf]), torch.ones(2)])) == math.inf
    assert math.isnan(host_norm(gradient_norms([torch.tensor([math.nan]), torch.ones(2)])))
