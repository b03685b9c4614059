"""What a training hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from surefoot.lr_range_test import RangeTest
from surefoot.records import Finding

Ended = Literal["finished", "stopped early", "diverged"]


@dataclass(frozen=True)
class Fit:
    """A finished training.

    Args:
        model: The trained model, the very object that was given.
        optimizer: The torch optimizer with its state.
        ended: "finished", "stopped early" (validation no longer improved) or "diverged".
        reason: One sentence on how it ended.
        steps: Optimizer steps taken, those before a resume included.
        epochs: Whole epochs.
        losses: Training loss of each step, shape (steps,), float64; mean over the step's examples.
        validations: One dictionary each: "step", "val_loss" and the metrics.
        best_step: Step of the lowest validation loss; None without validation.
        best_loss: That loss.
        rewinds: (step at which it diverged, step gone back to, factor of the rate since) of each rewind.
        folder: Where the checkpoints are; None if none were asked for.
        run: Folder of the recorded run; None if nothing was observed here.
        findings: What was found wrong, the main finding first.
        range_test: By which the rate was found; None where it was given.
    """

    model: nn.Module
    optimizer: Optimizer
    ended: Ended
    reason: str
    steps: int
    epochs: int
    losses: NDArray[np.float64]
    validations: tuple[dict[str, Any], ...] = ()
    best_step: int | None = None
    best_loss: float | None = None
    rewinds: tuple[tuple[int, int, float], ...] = ()
    folder: Path | None = None
    run: Path | None = None
    findings: tuple[Finding, ...] = ()
    range_test: RangeTest | None = None

    def __repr__(self) -> str:
        losses = f"; loss {self.losses[0]:.4g} to {self.losses[-1]:.4g}" if len(self.losses) else ""
        found = f"; found {', '.join(finding.code for finding in self.findings)}" if self.findings else ""
        return f"<fit: {self.reason}{losses}{found}>"
