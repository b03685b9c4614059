"""Learning-rate schedules: closed-form functions step -> factor that combine with `>>` and `*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from surefoot.schedules.base import Function as function
from surefoot.schedules.base import Schedule, as_schedule
from surefoot.schedules.boundary_table import table
from surefoot.schedules.constants import Constant as constant
from surefoot.schedules.cosines import Cosine as cosine
from surefoot.schedules.cosines import CosineRestarts as cosine_restarts
from surefoot.schedules.cycles import OneCycle as one_cycle
from surefoot.schedules.decays import Exponential as exponential
from surefoot.schedules.decays import InverseSquareRoot as inverse_square_root
from surefoot.schedules.decays import InverseTime as inverse_time
from surefoot.schedules.decays import Linear as linear
from surefoot.schedules.decays import Polynomial as polynomial
from surefoot.schedules.expression import parse
from surefoot.schedules.lengths import Epochs
from surefoot.schedules.lengths import Epochs as epochs
from surefoot.schedules.staircases import MultiStep as multi_step
from surefoot.schedules.staircases import Step as step
from surefoot.schedules.warmups import Ramp as ramp
from surefoot.schedules.warmups import Warmup as warmup
from surefoot.schedules.warmups import warmup_stable_decay

if TYPE_CHECKING:
    from surefoot.schedules.scheduled_lr import ScheduledLR, scheduler

__all__ = [
    "Epochs",
    "Schedule",
    "ScheduledLR",
    "as_schedule",
    "constant",
    "cosine",
    "cosine_restarts",
    "epochs",
    "exponential",
    "function",
    "inverse_square_root",
    "inverse_time",
    "linear",
    "multi_step",
    "one_cycle",
    "parse",
    "polynomial",
    "ramp",
    "scheduler",
    "step",
    "table",
    "warmup",
    "warmup_stable_decay",
]


def __getattr__(name: str) -> Any:
    # The mathematics needs no torch; the scheduler loads it on first use.
    if name in ("ScheduledLR", "scheduler"):
        from surefoot.schedules import scheduled_lr

        return getattr(scheduled_lr, name)
    raise AttributeError(f"module 'surefoot.schedules' has no attribute {name!r}")
