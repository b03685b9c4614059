"""Every number of one training. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from surefoot.errors import SettingError

Objective = Literal["masks", "clustering", "whitened", "chimera"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


@dataclass(frozen=True)
class Settings:
    """One training; the defaults are small enough for a CPU, `PAPER` has the study's own sizes.

    Args:
        objective: "masks": truncated phase-sensitive L1, permutation-invariant; "clustering": classic deep
            clustering; "whitened": its whitened k-means form; "chimera": masks and whitened together.
        percentile: AutoClip's, in [0, 100]; 100 never clips.
        seed: Of the first weights and of the mixtures.
        steps: Optimizer steps.
        units: Of each direction of each BLSTM layer.
        layers: BLSTM layers.
        batch: Mixtures a step.
        frames: Of 8 ms, in each mixture.
        lr: Adam's learning rate.
        level_jitter: Standard deviation of a training mixture's level, dB.
        loss_scale: Factor of the loss; Adam's own epsilon makes it matter.
        clustering_weight: Of the whitened loss in the chimera; the masks have the rest.
        every: Steps between statistics.
        tests: Held-out mixtures that are separated at the end.
        test_seconds: Length of each.
    """

    objective: Objective = "masks"
    percentile: float = 10.0
    seed: int = 0
    steps: int = 2500
    units: int = 64
    layers: int = 2
    batch: int = 4
    frames: int = 64
    lr: float = 1e-3
    level_jitter: float = 0.0
    loss_scale: float = 1.0
    clustering_weight: float = 0.975
    every: int = 20
    tests: int = 50
    test_seconds: float = 3.0

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise SettingError(f"objective is {self.objective!r}; give one of {', '.join(OBJECTIVES)}.")
        if not 0 <= self.percentile <= 100:
            raise SettingError(
                f"percentile is {self.percentile:g}; give one in 0 to 100, where 100 never clips."
            )
        if not 0 <= self.clustering_weight <= 1:
            raise SettingError(f"clustering_weight is {self.clustering_weight:g}; give a share in 0 to 1.")
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise SettingError(
                    f"{name} is {getattr(self, name):g}; the least that makes sense is {least:g}."
                )
        for name in ("lr", "loss_scale"):
            if not getattr(self, name) > 0:
                raise SettingError(f"{name} is {getattr(self, name):g}; give a number above 0.")

    @property
    def clips(self) -> bool:
        """Whether the threshold is ever below the norm."""
        return self.percentile < 100

    @property
    def changed(self) -> dict[str, Any]:
        """What is not as the defaults have it."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }

    @property
    def name(self) -> str:
        """A file name that is this training's alone: what is varied in words, the rest in a digest.

        Example:
            >>> Settings().name[:-9], Settings(seed=1).name == Settings(seed=1, lr=2e-3).name
            ('masks-p10-seed0', False)
        """
        digest = hashlib.sha256(json.dumps(self.changed, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.objective}-p{self.percentile:g}-seed{self.seed}-{digest}"


_LEAST: dict[str, float] = {
    "seed": 0,
    "steps": 1,
    "units": 1,
    "layers": 1,
    "batch": 1,
    "frames": 4,
    "level_jitter": 0,
    "every": 1,
    "tests": 1,
    "test_seconds": 0.5,
}

# What the study trained for its figure of the dynamics: 2 layers of 300; 4 of 600 for its table.
PAPER: dict[str, Any] = {"units": 300, "layers": 2, "batch": 25, "frames": 400, "lr": 1e-3, "steps": 80_000}


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings from JSON values; names that are unknown are left out."""
    known = {field.name for field in fields(Settings)}
    return Settings(**{name: value for name, value in values.items() if name in known})
