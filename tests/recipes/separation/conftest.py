"""Two made voices: pulses at a pitch of their own through vowels that change. Enough to tell apart, no speech."""

import numpy as np
import pytest
from scipy.signal import lfilter

RATE = 8000
PITCHES = {"high": 210.0, "low": 95.0}


def made_voice(pitch: float, seconds: float, seed: int, rate: int = RATE) -> np.ndarray:
    random = np.random.default_rng((seed, int(pitch)))
    count = int(seconds * rate)
    drift = np.cumsum(random.standard_normal(count)) / rate * 2
    pulses = np.diff(np.floor(np.cumsum(pitch * (1 + 0.1 * np.sin(drift)) / rate)), prepend=0)
    sound = np.zeros(count)
    for start in range(0, count, rate // 5):  # a vowel every 200 ms
        stretch = slice(start, start + rate // 5)
        for formant in random.uniform([300, 900], [800, 2400]):
            pole = 0.95 * np.exp(2j * np.pi * formant / rate)
            sound[stretch] += lfilter([1.0], np.poly([pole, pole.conjugate()]).real, pulses[stretch])
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


@pytest.fixture(autouse=True, scope="session")
def libraries():
    for name in ("soundfile", "torchmetrics"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install 'surefoot[separation]'")


@pytest.fixture(scope="session")
def voices(tmp_path_factory, libraries):
    """A folder with a subfolder of nine utterances for each of two made speakers."""
    import soundfile

    root = tmp_path_factory.mktemp("voices")
    for name, pitch in PITCHES.items():
        (root / name).mkdir()
        for index in range(9):
            suffix = ".flac" if index % 2 else ".wav"
            soundfile.write(root / name / f"said-{index}{suffix}", made_voice(pitch, 1.3, index), RATE)
    return root


@pytest.fixture
def sound_file():
    """Writes a sound: path, seconds, and optionally rate and channels."""

    import soundfile

    def write(path, seconds=1.0, rate=RATE, channels=1, seed=0):
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(seed).uniform(-0.3, 0.3, (int(seconds * rate), channels))
        soundfile.write(path, samples, rate)
        return path

    return write
