"""Statistics of a nonlinearity's output: dead units, saturation, mean and deviation."""

from __future__ import annotations

import torch
from torch import Tensor

# function -> (lower end, upper end) of what saturates
BOUNDED = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "hardtanh": (-1.0, 1.0)}
# functions with a half that is flat or nearly so: a unit fires where its output is positive
RECTIFIED = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "threshold", "clamp_min", "relu6"})
_MARGIN = 0.05


def fired(output: Tensor, unit_dim: int) -> Tensor:
    """Which units gave a positive output for some example of the batch.

    Args:
        output: Any shape.
        unit_dim: The dimension of channels or features.

    Returns:
        Shape (units,), bool.
    """
    values = output.detach()
    lives = (values > 0) | values.isnan()  # a unit that is NaN is not one that gives zero
    return lives.movedim(unit_dim, 0).reshape(output.shape[unit_dim], -1).any(dim=1)


def moments(output: Tensor, function: str) -> Tensor:
    """Share of saturated entries, mean, deviation.

    Args:
        output: Any shape, at least one entry.
        function: Name; only those in `BOUNDED` saturate.

    Returns:
        Shape (3,), float32; the share is NaN for an unbounded function.
    """
    values = output.detach().to(torch.float32)
    if function in BOUNDED:
        low, high = BOUNDED[function]
        margin = _MARGIN * (high - low)
        share = ((values < low + margin) | (values > high - margin)).to(torch.float32).mean()
    else:
        share = values.new_full((), torch.nan)
    return torch.stack([share, values.mean(), values.std(unbiased=False)])
