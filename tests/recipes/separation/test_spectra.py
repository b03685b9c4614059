"""The short-time transform: its scale against scipy's, its inverse, and what it leads to in the model."""

import numpy as np
import pytest
import torch
from scipy import signal

from surefoot.recipes.separation.mixtures import samples_of
from surefoot.recipes.separation.model import Separator
from surefoot.recipes.separation.spectra import BINS, FRAME, HOP, log_magnitude, spectrum, waveform


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("samples", [FRAME, 1000, 4032, 12345])
def test_there_and_back(samples):
    sound = noise(2, 3, samples)
    spectra = spectrum(sound)
    assert spectra.shape == (2, 3, samples // HOP + 1, BINS)
    torch.testing.assert_close(waveform(spectra, samples), sound)


def test_equals_scipy():
    sound = noise(4096)
    root = np.sqrt(signal.get_window("hann", FRAME))
    _, _, expected = signal.stft(
        np.pad(sound.numpy(), FRAME // 2, mode="reflect"),
        window=root,
        nperseg=FRAME,
        noverlap=FRAME - HOP,
        boundary=None,
        padded=False,
    )
    np.testing.assert_allclose(spectrum(sound).numpy(), expected.T, atol=1e-12)


def test_a_tone_has_half_its_amplitude():
    tone = 0.3 * torch.cos(2 * torch.pi * 20 / FRAME * torch.arange(8000, dtype=torch.float64))
    middle = spectrum(tone)[50].abs()
    assert int(middle.argmax()) == 20
    assert float(middle.max()) == pytest.approx(0.15, rel=1e-3)


def test_frames_and_samples_agree():
    for frames in (4, 64, 400):
        assert spectrum(noise(samples_of(frames, HOP))).shape[0] == frames
    assert spectrum(noise(samples_of(8, HOP))).shape == (8, BINS)


def test_silence_has_a_floor():
    assert torch.isfinite(log_magnitude(spectrum(torch.zeros(2000)))).all()


def test_inputs_are_standardised_by_frequency():
    model = Separator(4, 1)
    spectra = spectrum(noise(8, 4032).float())
    model.standardise_by(spectra)
    levels = (log_magnitude(spectra) - model.mean) / model.deviation
    torch.testing.assert_close(levels.mean((0, 1)), torch.zeros(BINS), atol=1e-4, rtol=0)
    torch.testing.assert_close(levels.flatten(0, 1).std(0), torch.ones(BINS), atol=1e-3, rtol=0)
    assert {"mean", "deviation"} <= set(model.state_dict())


def test_heads():
    heads = Separator(4, 2, masks=True, embeddings=True)(spectrum(noise(2, 1280).float()))
    assert heads.masks.shape == (2, 2, 21, BINS)
    assert heads.masks.min().item() > 0
    assert heads.masks.max().item() < 1
    assert heads.embeddings.shape == (2, 21 * BINS, 20)
    torch.testing.assert_close(heads.embeddings.norm(dim=-1), torch.ones(2, 21 * BINS))
