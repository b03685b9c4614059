"""Sound files in and out: mono, one rate, any format that libsndfile reads."""

from __future__ import annotations

from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import SettingError, StoreError
from surefoot.extras import require

RATE = 8000  # Hz
SUFFIXES = (".wav", ".flac", ".ogg", ".oga")

Samples = NDArray[np.float32]


def read(path: Path, rate: int = RATE) -> Samples:
    """A sound file as one channel at one rate.

    Args:
        path: WAV, FLAC, OGG …; several channels are averaged.
        rate: Samples a second to convert to.

    Returns:
        Shape (n,), float32, full scale 1.

    Raises:
        SettingError: The file is missing or is no sound.
        MissingExtra: soundfile or scipy is not installed.
    """
    soundfile = _soundfile()
    try:
        samples, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise SettingError(
            f"{path} cannot be read as sound ({_reason(error)}); remove or replace it."
        ) from error
    mono = samples.mean(axis=1)
    if own_rate != rate:
        from scipy.signal import resample_poly

        shared = gcd(rate, own_rate)
        mono = resample_poly(mono, rate // shared, own_rate // shared)
    return np.ascontiguousarray(mono, dtype=np.float32)


def seconds_of(path: Path) -> float:
    """Length of a sound file by its header alone; 0 for a file that cannot be read."""
    soundfile = _soundfile()
    try:
        return float(soundfile.info(path).duration)
    except (OSError, RuntimeError):
        return 0.0


def write(path: Path, samples: NDArray[Any], rate: int = RATE) -> Path:
    """Write one channel as 16-bit WAV; a signal beyond full scale is scaled down to fit.

    Args:
        path: The file, replaced where it stands.
        samples: Shape (n,), full scale 1.
        rate: Samples a second.

    Raises:
        StoreError: The place cannot be written.
    """
    soundfile = _soundfile()
    loudest = float(np.abs(samples).max(initial=0.0))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples / max(1.0, loudest), rate, subtype="PCM_16")
    except (OSError, RuntimeError) as error:
        raise StoreError(f"cannot write {path} ({_reason(error)}); choose another place.") from error
    return path


def trimmed(samples: Samples, rate: int = RATE, decibels: float = 40.0) -> Samples:
    """The sound without the near-silence at both ends.

    Args:
        samples: Shape (n,).
        rate: Samples a second.
        decibels: What lies so far below the loudest 20 ms counts as silence.

    Example:
        >>> quiet, loud = np.zeros(800, np.float32), np.ones(1600, np.float32)
        >>> len(trimmed(np.concatenate([quiet, loud, quiet])))
        1600
    """
    frame = rate // 50
    count = len(samples) // frame
    if count == 0:
        return samples
    power = np.square(samples[: count * frame].reshape(count, frame)).mean(axis=1)
    if power.max() == 0:
        return samples[:0]
    loud = np.flatnonzero(power > power.max() * 10 ** (-decibels / 10))
    end = len(samples) if loud[-1] == count - 1 else (loud[-1] + 1) * frame
    return samples[loud[0] * frame : end]


def _soundfile() -> Any:
    # SciPy is for other rates: told at once, not at the first such file.
    require("recordings of speech", ("scipy", "soundfile"), extra="separation")
    import soundfile

    return soundfile


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
