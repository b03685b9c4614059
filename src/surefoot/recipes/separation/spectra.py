"""Short-time spectra: 32 ms frames every 8 ms at 8 kHz, under the square root of a Hann window.

Shapes: B mixtures, T frames, F frequencies, N samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from surefoot.recipes.separation.audio import RATE

FRAME = RATE * 32 // 1000  # samples
HOP = RATE * 8 // 1000
BINS = FRAME // 2 + 1
_FLOOR = 1e-8  # of a magnitude before its logarithm: -160 dB


def window(like: Tensor) -> Tensor:
    """The square root of a periodic Hann window, shape (FRAME,)."""
    return torch.hann_window(FRAME, dtype=like.dtype, device=like.device).sqrt()


def spectrum(sound: Tensor) -> Tensor:
    """Complex short-time spectrum, scaled so that a sinusoid's peak is half its amplitude.

    Args:
        sound: Shape (..., N), real.

    Returns:
        Shape (..., T, F), complex, T = N // HOP + 1: divided by the window's sum.

    Example:
        >>> spectrum(torch.randn(2, 4032)).shape
        torch.Size([2, 64, 129])
    """
    shape = window(sound)
    flat = sound.reshape(-1, sound.shape[-1])
    found = torch.stft(flat, FRAME, HOP, window=shape, center=True, pad_mode="reflect", return_complex=True)
    return found.transpose(-1, -2).reshape(*sound.shape[:-1], -1, BINS) / shape.sum()


def waveform(spectra: Tensor, samples: int) -> Tensor:
    """Inverse of `spectrum`: exact for a spectrum that was not changed.

    Args:
        spectra: Shape (..., T, F), complex.
        samples: N, length to give back.

    Returns:
        Shape (..., N), real.
    """
    shape = window(spectra.real)
    flat = (spectra * shape.sum()).reshape(-1, *spectra.shape[-2:]).transpose(-1, -2)
    sound = torch.istft(flat, FRAME, HOP, window=shape, center=True, length=samples)
    return sound.reshape(*spectra.shape[:-2], samples)


def log_magnitude(spectra: Tensor) -> Tensor:
    """Natural logarithm of the magnitude, floored at -160 dB; the shape stays."""
    return spectra.abs().clamp_min(_FLOOR).log()
