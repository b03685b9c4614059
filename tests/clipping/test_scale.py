"""Clipping does not depend on the unit of the loss."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.clipping import AdaptiveGradientClip, AutoClip, ClipByNorm

PLACES = pytest.mark.parametrize("place", ["host", "device"])
# Norms apart by more than what a change of unit rounds away: 1 % steps on a logarithmic scale.
RUNGS = st.lists(st.integers(-300, 300), min_size=1, max_size=20)


def clipped_steps(norms, scale, percentile, place, window=None):
    direction = torch.tensor([0.6, -0.8])
    weight, bias = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(()))
    clipper = AutoClip(percentile, window=window, threshold_on=place)
    factors = []
    for norm in norms:
        weight.grad = (direction.double() * norm * scale).float()
        bias.grad = torch.tensor(norm * scale * 1e-3).float()
        factors.append(float(clipper([weight, bias]).factor))
    return factors


@PLACES
@given(
    rungs=RUNGS,
    exponent=st.floats(-12, 12),
    percentile=st.floats(0, 100) | st.sampled_from([0, 10, 50, 100]),
    window=st.none() | st.integers(1, 8),
)
@settings(max_examples=60, deadline=None)
def test_scaling_the_loss_changes_no_clipping_decision(place, rungs, exponent, percentile, window):
    norms = [1.01**rung for rung in rungs]
    one = clipped_steps(norms, 1.0, percentile, place, window)
    other = clipped_steps(norms, 10.0**exponent, percentile, place, window)
    assert [f < 1 for f in one] == [f < 1 for f in other]
    assert one == pytest.approx(other, rel=1e-5)


@given(rungs=RUNGS, power=st.integers(-30, 40), percentile=st.floats(0, 100))
@settings(max_examples=60, deadline=None)
def test_scaling_by_a_power_of_two_is_bitwise_nothing(rungs, power, percentile):
    """As long as norms stay where float32 squares are safe: beyond, they are measured again, in float64."""
    norms = [1.01**rung for rung in rungs]
    one = clipped_steps(norms, 1.0, percentile, "host")
    assert clipped_steps(norms, 2.0**power, percentile, "host") == one


@PLACES
@pytest.mark.parametrize("size", [1e-30, 1e-20, 1e-8, 1.0, 1e20, 1e30, 3e37])
def test_norms_neither_vanish_nor_overflow(place, size):
    """The squares of 1e-30 and 1e30 are no float32 numbers; torch's own norm is 0 and infinite there."""
    weight = torch.nn.Parameter(torch.zeros(100))
    clipper = ClipByNorm(size, threshold_on=place)
    weight.grad = torch.full((100,), size)
    result = clipper([weight])
    assert float(result.norm) == pytest.approx(10 * size, rel=1e-6)
    torch.testing.assert_close(weight.grad, torch.full((100,), size / 10), rtol=1e-5, atol=0)


@PLACES
@pytest.mark.parametrize(
    ("size", "dtype"),
    [
        (1e-20, torch.float32),
        (1.0, torch.float32),
        (1e37, torch.float32),
        (3e38, torch.float32),
        (6e4, torch.float16),
        (3e38, torch.bfloat16),
        (1e150, torch.float64),
    ],
)
def test_a_share_of_weights_is_kept_however_large_the_gradient(place, size, dtype, recwarn):
    """The factor itself, 1e-43 for 1e38, is no ordinary number of the gradient's dtype; the result is one."""
    weight = torch.nn.Parameter(torch.zeros(3, 16, dtype=dtype))
    weight.grad = torch.full((3, 16), size, dtype=dtype)
    AdaptiveGradientClip(0.01, eps=4e-2, threshold_on=place)([weight])
    bound = min(float(torch.tensor(size, dtype=dtype)), 1e-4)  # 0.01 · 0.04 over the 4 of a row's norm
    digits = {torch.float16: 2e-3, torch.bfloat16: 8e-3}.get(dtype, 1e-6)
    expected = torch.full((3, 16), bound, dtype=torch.float64)
    torch.testing.assert_close(weight.grad.double(), expected, rtol=digits, atol=0)
    assert not recwarn.list


@PLACES
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gradients_are_summed_in_float32(place, dtype):
    """4096 entries of 4 have a norm of 256; a sum in half precision stalls or overflows."""
    weight = torch.nn.Parameter(torch.zeros(4096, dtype=dtype))
    weight.grad = torch.full((4096,), 4.0, dtype=dtype)
    result = AutoClip(threshold_on=place)([weight])
    assert float(result.norm) == 256.0
    assert bool(torch.isfinite(weight.grad).all())


@PLACES
def test_half_precision_overflow_is_measured_in_float64(place):
    weight = torch.nn.Parameter(torch.zeros(10_000, dtype=torch.bfloat16))
    weight.grad = torch.full((10_000,), 2.0**66, dtype=torch.bfloat16)  # squares sum to 5e43
    result = AutoClip(threshold_on=place)([weight])
    assert float(result.norm) == 100 * 2.0**66
    assert not bool(result.skipped)


def test_achieved_norm_is_the_threshold_however_small():
    """torch's clip_grad_norm_ adds 1e-6 to the norm: at a norm of 8e-6 it reaches .89 of its target."""
    weight = torch.nn.Parameter(torch.zeros(64))
    for size in (8e-6, 1e-12, 1e-3):
        weight.grad = torch.full((64,), size / 8)
        ClipByNorm(size / 2)([weight])
        assert float(weight.grad.double().norm()) == pytest.approx(size / 2, rel=1e-6)
    weight.grad = torch.full((64,), 1e-6)
    torch.nn.utils.clip_grad_norm_([weight], 4e-6)
    assert float(weight.grad.norm()) < 0.9 * 4e-6  # the fault is still there in torch
