"""A training's word on its way: what it has come to, and whether it is to go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer

from surefoot.capture.limit import StepLimit
from surefoot.capture.observation import Observation
from surefoot.search.results import result_of

Ask = Callable[[dict[str, Any]], bool]


class Reporting:
    """Reports at its rungs, after the step; told of each by its hook.

    Args:
        observation: Of the training.
        rungs: Steps at which to report.
        ask: Told what the training has come to; says whether it goes on.

    Attributes:
        stopped: Why it was stopped, or "".
    """

    def __init__(self, observation: Observation, rungs: Sequence[int], ask: Ask) -> None:
        self.stopped = ""
        self._observation = observation
        self._rungs = list(rungs)
        self._ask = ask

    def after(self, optimizer: Optimizer) -> None:
        """A step has ended.

        Raises:
            StepLimit: It is to be stopped.
        """
        step = self._observation.steps
        if not self._rungs or step < self._rungs[0]:
            return
        rung = self._rungs.pop(0)
        self._observation.recorder.flush()
        history = self._observation.history()
        if history is None:
            return
        so_far = result_of(history, "running")
        report = {"step": rung, "validation": so_far.validation, "training": so_far.training}
        if not self._ask(report):
            self.stopped = f"hopeless at step {rung}"
            raise StepLimit


def asking(write: int, read: int) -> Ask:
    """Ask over two pipes: a line there, a line back. Where nobody answers, the training goes on."""

    def ask(report: dict[str, Any]) -> bool:
        try:
            os.write(write, (json.dumps(report) + "\n").encode())
            return os.read(read, 64) != b"stop\n"
        except OSError:
            return True

    return ask
