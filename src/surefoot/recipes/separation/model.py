"""The network: a bidirectional LSTM over log-magnitude frames, with a head for masks and one for embeddings.

Shapes: B mixtures, T frames, F frequencies, S sources (2), D embedding dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from surefoot.recipes.separation.spectra import BINS, log_magnitude

SOURCES = 2
DIMENSIONS = 20


@dataclass(frozen=True)
class Heads:
    """What the network says of a batch.

    Args:
        masks: Shape (B, S, T, F), in (0, 1); None without that head.
        embeddings: Shape (B, T * F, D), entries >= 0, unit length; None without that head.
    """

    masks: Tensor | None
    embeddings: Tensor | None


class Separator(nn.Module):
    """Masks, embeddings, or both (a chimera), from the log-magnitude spectrum of a mixture.

    Args:
        units: Of each direction of each layer.
        layers: Stacked LSTMs.
        masks: Whether it has the mask head.
        embeddings: Whether it has the embedding head.

    Source: Hershey, Chen, Le Roux, Watanabe 2016, arXiv:1508.04306 (deep clustering); Luo, Chen, Hershey, Le
        Roux, Mesgarani 2017, arXiv:1611.06265 (chimera); the sizes of Seetharaman, Wichern, Pardo, Le Roux
        2020, arXiv:2007.14469. Differs: inputs are standardised by each frequency's mean and deviation over
        the first training mixtures, which are part of the model.

    Example:
        >>> model = Separator(units=4, layers=1)
        >>> heads = model(torch.randn(2, 10, 129, dtype=torch.complex64))
        >>> heads.masks.shape, heads.embeddings is None
        (torch.Size([2, 2, 10, 129]), True)
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, units: int = 300, layers: int = 2, *, masks: bool = True, embeddings: bool = False
    ) -> None:
        super().__init__()
        self.blstm = nn.LSTM(BINS, units, layers, batch_first=True, bidirectional=True)
        self.mask_head = nn.Linear(2 * units, SOURCES * BINS) if masks else None
        self.embedding_head = nn.Linear(2 * units, DIMENSIONS * BINS) if embeddings else None
        self.register_buffer("mean", torch.zeros(BINS))
        self.register_buffer("deviation", torch.ones(BINS))

    def standardise_by(self, spectra: Tensor) -> None:
        """Take each frequency's mean and deviation from mixtures, shape (B, T, F), complex."""
        levels = log_magnitude(spectra).reshape(-1, BINS)
        self.mean.copy_(levels.mean(0))
        self.deviation.copy_(levels.std(0).clamp_min(1e-3))

    def forward(self, spectra: Tensor) -> Heads:
        """Heads for mixtures, shape (B, T, F), complex."""
        levels = (log_magnitude(spectra) - self.mean) / self.deviation
        hidden, _ = self.blstm(levels)
        batch, frames, bins = levels.shape
        masks = embeddings = None
        if self.mask_head is not None:
            masks = self.mask_head(hidden).sigmoid().view(batch, frames, SOURCES, bins).transpose(1, 2)
        if self.embedding_head is not None:
            raw = self.embedding_head(hidden).sigmoid().view(batch, frames * bins, DIMENSIONS)
            embeddings = functional.normalize(raw, dim=-1)
        return Heads(masks, embeddings)
