"""Statistics of a batch: of inputs, of targets, of what enters a loss."""

from __future__ import annotations

import torch
from torch import Tensor

_LARGEST = 1 << 20  # entries looked at; more are thinned out evenly


def _thin(values: Tensor) -> Tensor:
    if values.numel() <= _LARGEST:
        return values
    rows = max(1, _LARGEST // max(1, values[0].numel())) if values.ndim > 1 else _LARGEST
    return values[:: max(1, len(values) // rows)]


def summary(batch: Tensor) -> Tensor:
    """Least, greatest, mean, deviation of the finite entries, and the share of non-finite ones.

    Args:
        batch: Any shape and dtype, at least one entry; above about a million entries whole rows are left out evenly.

    Returns:
        Shape (5,), float32, in this order, on the batch's device.

    Example:
        >>> summary(torch.tensor([1.0, 3.0])).tolist()
        [1.0, 3.0, 2.0, 1.0, 0.0]
    """
    values = _thin(batch.detach()).to(torch.float32).reshape(-1)
    finite = torch.isfinite(values)
    count = finite.sum().clamp(min=1)
    kept = torch.where(finite, values, 0.0)
    mean = kept.sum() / count
    deviation = (torch.where(finite, values - mean, 0.0).square().sum() / count).sqrt()
    least = torch.where(finite, values, torch.inf).min()
    greatest = torch.where(finite, values, -torch.inf).max()
    return torch.stack([least, greatest, mean, deviation, 1 - finite.float().mean()])


def columns(batch: Tensor) -> Tensor:
    """How differently the features of a batch are scaled.

    Args:
        batch: Shape (examples, features, …); the features are dimension 1.

    Returns:
        Shape (4,), float32: the features' least and greatest deviation, their greatest absolute mean, how many of
        them have non-finite entries. Features that are constant in the batch are left out of the least deviation.
    """
    values = _thin(batch.detach()).to(torch.float32)
    flat = values.reshape(len(values), values.shape[1], -1).transpose(0, 1).reshape(values.shape[1], -1)
    bad = ~torch.isfinite(flat)
    clean = torch.where(bad, 0.0, flat)
    deviation = clean.std(dim=1, unbiased=False)
    least = torch.where(deviation > 0, deviation, torch.inf).min()
    nonfinite = bad.any(dim=1).sum().to(torch.float32)
    return torch.stack([least, deviation.max(), clean.mean(dim=1).abs().max(), nonfinite])


def rows(scores: Tensor, dim: int) -> Tensor:
    """Whether the rows of what enters a loss are probabilities or log-probabilities.

    Args:
        scores: At least one dimension.
        dim: The class dimension.

    Returns:
        Shape (4,), float32: least and greatest sum of a row, mean of the rows' greatest entry, greatest absolute
        logsumexp of a row.
    """
    values = scores.detach().to(torch.float32)
    sums = values.sum(dim=dim)
    return torch.stack(
        [sums.min(), sums.max(), values.amax(dim=dim).mean(), values.logsumexp(dim=dim).abs().max()]
    )


def sums_of_mixed_rows(targets: Tensor, dim: int) -> Tensor:
    """What the rows of soft targets sum to, of those that share their mass among several entries.

    Args:
        targets: Floating point, at least one dimension.
        dim: The class dimension.

    Returns:
        Shape (2,), float32: the least and the greatest sum; infinite where no row has several entries.

    Example:
        >>> sums_of_mixed_rows(torch.tensor([[1.0, 1.0, 0.0], [0.0, 9.0, 0.0]]), 1).tolist()
        [2.0, 2.0]
    """
    values = _thin(targets.detach()).to(torch.float32)
    sums, several = values.sum(dim=dim), (values != 0).sum(dim=dim) > 1
    least = torch.where(several, sums, torch.inf).min()
    return torch.stack([least, torch.where(several, sums, -torch.inf).max()])


def across_examples(outputs: Tensor) -> Tensor:
    """Mean, deviation, and deviation across the batch's examples averaged over the outputs.

    Args:
        outputs: Shape (examples, …), at least one example.

    Returns:
        Shape (3,), float32; the last is NaN for a single example, which differs from nothing.
    """
    values = outputs.detach().to(torch.float32)
    between = values.std(dim=0, unbiased=False).mean() if len(values) > 1 else values.new_full((), torch.nan)
    return torch.stack([values.mean(), values.std(unbiased=False), between])
