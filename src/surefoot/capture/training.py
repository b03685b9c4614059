"""What is known of the training that is observed: one place for what its events share."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Progress
from surefoot.capture.guard import Guard
from surefoot.capture.loops import Loops
from surefoot.capture.losses import LossWatch
from surefoot.capture.manual import ManualDescent
from surefoot.capture.modules import ModuleWatch
from surefoot.capture.parameters import Parameters
from surefoot.capture.recorder import Recorder
from surefoot.capture.sampling import Schedule
from surefoot.capture.threads import ObservedThread
from surefoot.capture.whose import Whose


@dataclass
class Training:
    """The parts, each of which keeps its own state.

    Args:
        guard: Keeps our faults away from it.
        recorder: Where its rows go.
        progress: Where it is.
        parameters: Its tensors.
        loops: Its optimizers.
        modules: Its models.
        losses: Its loss functions.
        schedule: What is examined.
        manual: Its descent without an optimizer.
        whose: Tells its losses and optimizers from others'.
        threads: Know which one is observed.
        tell: Hears of what happens.
    """

    guard: Guard
    recorder: Recorder
    progress: Progress
    parameters: Parameters
    loops: Loops
    modules: ModuleWatch
    losses: LossWatch
    schedule: Schedule
    manual: ManualDescent
    whose: Whose
    threads: ObservedThread
    tell: Probe
