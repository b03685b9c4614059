"""Separating mixtures with a trained network, and how much better each voice is heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.extras import needed_for
from surefoot.recipes.separation.model import SOURCES, Separator
from surefoot.recipes.separation.spectra import BINS, spectrum, waveform

_AUDIBLE = 40.0  # dB: bins further below the loudest do not take part in the clustering


@dataclass(frozen=True)
class Separated:
    """Mixtures taken apart.

    Args:
        estimates: Shape (B, 2, N), each in the place of the source it fits best.
        improvement: Shape (B,), dB: scale-invariant signal-to-distortion ratio of the estimates less that of
            the mixture itself, mean of the two voices.
        ratio: Shape (B,), dB: that of the estimates alone.
    """

    estimates: NDArray[np.float32]
    improvement: NDArray[np.float64]
    ratio: NDArray[np.float64]


def separate(model: Separator, mixtures: Tensor, *, seed: int = 0) -> Tensor:
    """Estimates of the sources by the network's masks, or by clustering its embeddings if it has none.

    Args:
        model: Trained.
        mixtures: Shape (B, N).
        seed: Of the clustering's first centres.

    Returns:
        Shape (B, 2, N), in no particular order.
    """
    with torch.no_grad():
        spectra = spectrum(mixtures)
        heads = model(spectra)
        masks = heads.masks
        if masks is None:
            assert heads.embeddings is not None
            pairs = zip(heads.embeddings, spectra, strict=True)
            masks = torch.stack([cluster_masks(rows, bins, seed) for rows, bins in pairs])
        return waveform(masks * spectra.unsqueeze(1), mixtures.shape[-1])


def cluster_masks(embeddings: Tensor, spectra: Tensor, seed: int = 0) -> Tensor:
    """Binary masks by k-means on the embeddings of the audible bins.

    Args:
        embeddings: Shape (T * F, D).
        spectra: Of the mixture, shape (T, F), complex.
        seed: Of the first centres.

    Returns:
        Shape (2, T, F), 0 or 1; bins that are not audible go to the nearest centre.
    """
    from scipy.cluster.vq import kmeans2, vq

    sizes = spectra.abs().flatten()
    audible = sizes > sizes.max() * 10 ** (-_AUDIBLE / 20)
    rows = embeddings.cpu().numpy().astype(np.float64)
    chosen = rows[audible.cpu().numpy()]
    if len(chosen) < SOURCES:
        labels = np.zeros(len(rows), dtype=np.int64)
    else:
        centres, _ = kmeans2(chosen, SOURCES, minit="++", seed=seed, missing="warn")
        labels, _ = vq(rows, centres)
    found = torch.from_numpy(labels).to(embeddings.device).view(-1, BINS)
    return torch.stack([found == source for source in range(SOURCES)]).to(embeddings.dtype)


def evaluate(model: Separator, sources: Tensor, *, at_once: int = 10) -> Separated:
    """Separate the sum of known sources and measure the result.

    Args:
        model: Trained.
        sources: Shape (B, 2, N).
        at_once: Mixtures in one pass.

    Raises:
        MissingExtra: torchmetrics is not installed.
    """
    was_training = model.training
    model.eval()
    try:
        estimates = torch.cat([separate(model, part.sum(dim=1)) for part in sources.split(at_once)])
    finally:
        model.train(was_training)
    best, estimates = _best_order(estimates, sources)
    plain = ratios(sources.sum(dim=1, keepdim=True).expand_as(sources), sources).mean(dim=1)
    return Separated(
        estimates.cpu().numpy(), (best - plain).double().cpu().numpy(), best.double().cpu().numpy()
    )


def ratios(estimates: Tensor, sources: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio, dB; shape (..., N) to (...); means are removed.

    Source: Le Roux, Wisdom, Erdogan, Hershey 2019, arXiv:1811.02508; computed by torchmetrics.
    """
    measure = _torchmetrics().scale_invariant_signal_distortion_ratio
    found: Tensor = measure(estimates, sources, zero_mean=True)
    return found


def _best_order(estimates: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
    """The mean ratio under the better order, shape (B,), and the estimates in it."""
    audio = _torchmetrics()
    best, order = audio.permutation_invariant_training(
        estimates, sources, audio.scale_invariant_signal_distortion_ratio, eval_func="max", zero_mean=True
    )
    return best, audio.pit_permutate(estimates, order)


def _torchmetrics() -> Any:
    with needed_for("measures of separation"):
        from torchmetrics.functional import audio
    return audio
