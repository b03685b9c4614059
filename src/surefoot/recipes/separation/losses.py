"""Training losses of separation networks. Each returns the mean over the batch, shape ().

Shapes: B mixtures, S sources, T frames, F frequencies, D embedding dimensions, N = T F.
"""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional


def phase_sensitive_targets(sources: Tensor, mixture: Tensor) -> Tensor:
    """Each source's part in phase with the mixture, truncated to between 0 and the mixture's magnitude.

    Args:
        sources: Shape (B, S, T, F), complex.
        mixture: Shape (B, T, F), complex.

    Returns:
        Shape (B, S, T, F), real: |source| cos(angle to the mixture), truncated.

    Source: Erdogan, Hershey, Watanabe, Le Roux 2015, "Phase-sensitive and recognition-boosted speech separation
        using deep recurrent neural networks"; truncated as in Kolbæk, Yu, Tan, Jensen 2017, arXiv:1703.06284.
    """
    size = mixture.abs().unsqueeze(1)
    along = (sources * mixture.conj().unsqueeze(1)).real / size.clamp_min(torch.finfo(size.dtype).tiny)
    return torch.minimum(along.clamp_min(0), size)


def mask_inference(masks: Tensor, sources: Tensor, mixture: Tensor) -> Tensor:
    """L1 between masked magnitudes and phase-sensitive targets, under the best order of the sources.

    Args:
        masks: Shape (B, S, T, F), in [0, 1].
        sources: Shape (B, S, T, F), complex.
        mixture: Shape (B, T, F), complex.

    Returns:
        Mean over sources, frames and frequencies, with one order for each mixture; shape ().
    """
    targets = phase_sensitive_targets(sources, mixture)
    estimates = masks * mixture.abs().unsqueeze(1)
    # (B, S, S): mean distance of estimate i from target j
    apart = (estimates.unsqueeze(2) - targets.unsqueeze(1)).abs().mean(dim=(-2, -1))
    count = apart.shape[1]
    orders = [apart[:, range(count), order].mean(dim=1) for order in permutations(range(count))]
    return torch.stack(orders).amin(dim=0).mean()


def dominant(sources: Tensor) -> Tensor:
    """Which source is loudest in each bin: shape (B, N, S), one-hot, from (B, S, T, F), complex."""
    loudest = sources.abs().argmax(dim=1).flatten(1)
    return functional.one_hot(loudest, sources.shape[1]).to(sources.real.dtype)


def bin_weights(mixture: Tensor) -> Tensor:
    """Each bin's share of the mixture's magnitude: shape (B, N), sum 1, from (B, T, F), complex."""
    sizes = mixture.abs().flatten(1)
    return sizes / sizes.sum(dim=1, keepdim=True).clamp_min(torch.finfo(sizes.dtype).tiny)


def deep_clustering(embeddings: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Squared distance between the affinities of the embeddings and those of the labels.

    Args:
        embeddings: V, shape (B, N, D), unit length.
        labels: Y, shape (B, N, S), one-hot.
        weights: w, shape (B, N), sum 1.

    Returns:
        || W^1/2 (V V' - Y Y') W^1/2 ||² summed over all pairs of bins, without forming the N x N matrices.

    Source: Hershey et al. 2016, arXiv:1508.04306, equation 3; weights as in Wang, Le Roux, Hershey 2018,
        "Alternative objective functions for deep clustering".
    """
    v, y = _weighted(embeddings, weights), _weighted(labels, weights)
    return (_square(v.mT @ v) - 2 * _square(v.mT @ y) + _square(y.mT @ y)).mean()


def whitened_k_means(embeddings: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Spread of whitened embeddings about their speaker's mean; between D - S and D.

    Args:
        embeddings: V, shape (B, N, D).
        labels: Y, shape (B, N, S), one-hot.
        weights: w, shape (B, N), sum 1.

    Returns:
        D - trace((V'WV)^-1 V'WY (Y'WY)^-1 Y'WV), in float64 within: the inverses are ill-conditioned early on.

    Source: Wang, Le Roux, Hershey 2018, "Alternative objective functions for deep clustering", equation 7.
        Differs: 1e-8 of the trace is added to the diagonals before inverting.
    """
    v, y = _weighted(embeddings, weights).double(), _weighted(labels, weights).double()
    crossed = v.mT @ y
    explained = torch.linalg.solve(_steadied(v.mT @ v), crossed) @ torch.linalg.solve(
        _steadied(y.mT @ y), crossed.mT
    )
    trace = explained.diagonal(dim1=-2, dim2=-1).sum(-1)
    found: Tensor = (v.shape[-1] - trace).mean().to(embeddings.dtype)
    return found


def _weighted(rows: Tensor, weights: Tensor) -> Tensor:
    return rows * weights.sqrt().unsqueeze(-1)


def _square(matrix: Tensor) -> Tensor:
    return matrix.square().sum(dim=(-2, -1))


def _steadied(matrix: Tensor) -> Tensor:
    size = matrix.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    return matrix + 1e-8 * size * torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
