"""Labels: which sound cells are sound, and which faults are faults, by what their scripts did without surefoot."""

from __future__ import annotations

import math

from forge.cells import Cell
from forge.faults import FAULTS
from forge.running import Bench, Said
from forge.subjects import SUBJECTS

# Sound seeds of one subject differ by less (their bar is below them all); accuracy, or the share of variance explained.
MARGIN = 0.1

SOUND, BELOW, FAULT, HARMLESS, CRASHES = "sound", "below its bar", "fault", "harmless", "ends in an error"


def is_sound(bench: Bench, cell: Cell) -> bool:
    """Whether a cell without a fault reaches what its data and model allow."""
    alone = bench.alone(cell)
    return not alone.code and alone.score is not None and alone.score >= SUBJECTS[cell.subject].bar


def label(bench: Bench, cell: Cell, said: Said) -> str:
    """What a cell is.

    Args:
        bench: Runs scripts.
        cell: The cell.
        said: How its script ended under surefoot.

    Returns:
        SOUND or BELOW for a cell without a fault. For one with: BELOW if its twin is; CRASHES if Python itself says
        what is wrong; FAULT if it is wrong by construction, or below the bar and at least MARGIN worse than its
        twin; else HARMLESS.
    """
    if not is_sound(bench, cell.sound):
        return BELOW
    if not cell.fault:
        return SOUND
    # One that ends in an error under observation alone is left to be counted as a miss.
    if said.status == "failed" and bench.alone(cell).code:
        return CRASHES
    if not FAULTS[cell.fault].expect:
        return SOUND if is_sound(bench, cell) else BELOW
    return FAULT if FAULTS[cell.fault].certain or is_worse(bench, cell) else HARMLESS


def is_worse(bench: Bench, cell: Cell) -> bool:
    """Whether a fault shows in the score beyond the noise of seeds."""
    reached, sound = bench.alone(cell).score, bench.alone(cell.sound).score
    assert sound is not None
    if reached is None or math.isnan(reached):
        return True
    return reached < SUBJECTS[cell.subject].bar and reached <= sound - MARGIN
