"""Complex gradients: a complex vector is one unit, a complex entry two real ones, the norm that of all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from surefoot.clipping import AdaptiveGradientClip, ClipByNorm, ClipByValue

PLACES = pytest.mark.parametrize("place", ["host", "device"])
SHAPES = [(), (5,), (3, 4), (2, 3, 2)]


def clipped(clipper):
    """Weights, gradients and what the clipper made of them, in NumPy."""
    draws = np.random.default_rng(0)
    weights = [draws.normal(size=shape) + 1j * draws.normal(size=shape) for shape in SHAPES]
    gradients = [draws.normal(size=shape) + 1j * draws.normal(size=shape) for shape in SHAPES]
    parameters = [torch.nn.Parameter(torch.tensor(weight)) for weight in weights]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    clipper(parameters)
    return weights, gradients, [p.grad.numpy() for p in parameters]


@PLACES
def test_values(place):
    _weights, gradients, got = clipped(ClipByValue(0.6, threshold_on=place))
    for gradient, mine in zip(gradients, got, strict=True):
        np.testing.assert_allclose(mine.real, np.clip(gradient.real, -0.6, 0.6))
        np.testing.assert_allclose(mine.imag, np.clip(gradient.imag, -0.6, 0.6))


@PLACES
def test_norm(place):
    _weights, gradients, got = clipped(ClipByNorm(2.0, threshold_on=place))
    norm = np.sqrt(sum((np.abs(gradient) ** 2).sum() for gradient in gradients))
    for gradient, mine in zip(gradients, got, strict=True):
        np.testing.assert_allclose(mine, gradient * 2.0 / norm, rtol=1e-6)


@PLACES
def test_share_of_each_output_unit(place):
    weights, gradients, got = clipped(AdaptiveGradientClip(0.5, threshold_on=place))
    for weight, gradient, mine in zip(weights, gradients, got, strict=True):
        units = range(len(weight)) if weight.ndim > 1 else [...]
        for unit in units:
            size, limit = np.linalg.norm(gradient[unit]), 0.5 * np.linalg.norm(weight[unit])
            np.testing.assert_allclose(mine[unit], gradient[unit] * min(1, limit / size), rtol=1e-6)
