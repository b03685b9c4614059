"""Shares of a gradient's entries that say something: exact zeros, NaN and infinities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from surefoot.quantities.updates import watched_part


def shares(gradients: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Share of exactly zero and of non-finite entries in each gradient.

    Args:
        gradients: n tensors of any shapes, each with at least one entry; of a sparse one the present entries count,
            of a large one an evenly spaced part.

    Returns:
        Two tensors of shape (n,), float32, in [0, 1].

    Example:
        >>> zero, nonfinite = shares([torch.tensor([0.0, 1.0, float("nan"), 0.0])])
        >>> zero.item(), nonfinite.item()
        (0.5, 0.25)
    """
    device = gradients[0].device
    zero, nonfinite = [], []
    for gradient in gradients:
        entries = gradient.detach()
        entries = entries.coalesce().values() if entries.is_sparse else watched_part(entries)
        count = max(1, entries.numel())
        zero.append((1 - torch.count_nonzero(entries) / count).to(device, torch.float32))
        # x - x is NaN exactly where x is NaN or infinite.
        nonfinite.append((torch.count_nonzero(entries - entries) / count).to(device, torch.float32))
    return torch.stack(zero), torch.stack(nonfinite)
