"""What is kept of a finished training: one .npz file, written at once, so that a study can go on. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import StoreError
from surefoot.recipes.separation.settings import Settings, settings_from
from surefoot.surfaces import Smoothness, read_arrays, write_arrays

_FORMAT = 1
_DYNAMICS = ("steps", "smoothness", "grad_norms", "step_norms", "losses")


@dataclass(frozen=True)
class Result:
    """The numbers of one training.

    Args:
        settings: What was trained.
        voices: Digest of the corpus.
        dynamics: A record every `settings.every` steps.
        thresholds: Shape (n,): AutoClip's, at each record.
        losses: Shape (steps,): of each step's batch.
        factors: Shape (steps,): clip factors.
        improvement: Shape (tests,), dB: SI-SDR improvement of each held-out mixture.
        ratio: Shape (tests,), dB: SI-SDR.
        seconds: Of training.
    """

    settings: Settings
    voices: str
    dynamics: Smoothness
    thresholds: NDArray[np.float64]
    losses: NDArray[np.float64]
    factors: NDArray[np.float64]
    improvement: NDArray[np.float64]
    ratio: NDArray[np.float64]
    seconds: float

    @property
    def late_loss(self) -> float:
        """Mean loss of the last fifth of the steps, with the loss's scale taken out."""
        count = max(1, len(self.losses) // 5)
        return float(self.losses[-count:].mean()) / self.settings.loss_scale

    @property
    def step_variation(self) -> float:
        """Standard deviation over mean of the step sizes, in the second half of the records."""
        late = self.dynamics.step_norms[len(self.dynamics) // 2 :]
        return float(late.std() / late.mean()) if len(late) else float("nan")

    @property
    def clipped(self) -> float:
        """Share of the steps that were clipped."""
        return float((self.factors < 1).mean())


def file_of(folder: Path, settings: Settings, voices: str) -> Path:
    """Where the result of a training is kept."""
    return folder / f"{settings.name}-{voices[:6]}.npz"


def save(result: Result, folder: Path) -> Path:
    """Keep a result, all or nothing.

    Raises:
        StoreError: The folder cannot be written.
    """
    path = file_of(folder, result.settings, result.voices)
    arrays = {f"dynamics.{name}": getattr(result.dynamics, name) for name in _DYNAMICS}
    arrays |= {
        name: getattr(result, name) for name in ("thresholds", "losses", "factors", "improvement", "ratio")
    }
    meta = {
        "separation": _FORMAT,
        "settings": asdict(result.settings),
        "voices": result.voices,
        "factors": result.dynamics.factors,
        "every": result.dynamics.every,
        "seconds": result.seconds,
    }
    write_arrays(path, arrays, meta)
    return path


def load(path: Path) -> Result:
    """The result in a file.

    Raises:
        StoreError: It is missing, or not of this kind.
    """
    arrays, meta = read_arrays(path)
    try:
        return _result(arrays, meta)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path} holds no result of a separation training ({error}); remove it.") from error


def finished(folder: Path, settings: Settings, voices: str) -> Result | None:
    """The result of just this training, if it is there.

    Raises:
        StoreError: A file is in its place that cannot be read.
    """
    path = file_of(folder, settings, voices)
    if not path.is_file():
        return None
    found = load(path)
    # The digest in the name leaves out what was left at its default; a default may have changed since.
    return found if found.settings == settings and found.voices == voices else None


def _result(arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> Result:
    if meta["separation"] != _FORMAT:
        raise ValueError(f"format {meta['separation']}")
    dynamics = Smoothness(
        **{name: arrays[f"dynamics.{name}"] for name in _DYNAMICS},
        factors=tuple(meta["factors"]),
        every=meta["every"],
    )
    return Result(
        settings_from(meta["settings"]),
        meta["voices"],
        dynamics,
        arrays["thresholds"],
        arrays["losses"],
        arrays["factors"],
        arrays["improvement"],
        arrays["ratio"],
        meta["seconds"],
    )
