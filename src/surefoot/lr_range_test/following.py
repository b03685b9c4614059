"""A driven training followed step by step: its losses, and when it has shown enough."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward, Step
from surefoot.capture.limit import StepLimit
from surefoot.capture.step_hooks import StepListener
from surefoot.lr_range_test.rates import RateDriver
from surefoot.lr_range_test.records import NONFINITE
from surefoot.lr_range_test.smoothing import Divergence

_STUCK = 10  # times as many backward passes as a step ever took: a GradScaler leaves out every step by now


class Following(Probe):
    """Hears the losses from the observation, drives the rates from its own step hooks, stops the script.

    Args:
        driver: Of the rates.
        count: Driven steps to take.
        rule: When a sweep has gone far enough; None: a trial, which goes on.

    Attributes:
        losses: Of the driven steps, each as it was before its step.
        ended: Why it ended early, or "".
        start: Sum of all weights before the first driven step: where the same start is meant, it is the same.
        seconds: That the driven steps took.
    """

    name = "range test"

    def __init__(self, driver: RateDriver, count: int, rule: Divergence | None) -> None:
        # Names with an underscore: a probe's others are events.
        self._driver = driver
        self._count = count
        self._rule = rule
        self._loss: float | None = None
        self._since = 0
        self._most = 1
        self._began = 0.0
        self._done = False
        self._kept: dict[str, Any] = {"losses": [], "ended": "", "start": None, "seconds": 0.0}
        self._listener = StepListener(self._before, self._after)

    def step_ends(self, step: Step) -> None:
        """Its loss is known."""
        if step.loop.optimizer() is self._driver.main:
            self._loss = _summed(step.losses or [])

    def backward_begins(self, backward: Backward) -> None:
        """One more since the last step."""
        self._since += 1
        if self._kept["losses"] and self._since > _STUCK * max(self._most, 10):
            self._end(f"{self._since} backward passes led to no step")
            raise StepLimit

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._driver.position == 0 and self._kept["start"] is None:
            self._began = time.monotonic()
            self._kept["start"] = _weights(optimizer)
        self._driver.before(optimizer)

    def _after(self, optimizer: Optimizer) -> None:
        if not self._driver.after(optimizer):
            return
        self._most, self._since = max(self._most, self._since), 0
        if self._done or self._driver.trouble is not None:
            raise StepLimit
        if self._driver.position > 0:
            self._take(optimizer)

    def _take(self, optimizer: Optimizer) -> None:
        losses = self._kept["losses"]
        loss, self._loss = self._loss, None
        bad = not math.isfinite(_weights(optimizer))
        loss, bad = _agreed(loss, bad)
        if loss is None:
            self._end("the loss can't be read")
            raise StepLimit
        losses.append(loss)
        if not math.isfinite(loss):
            self._end(f"the loss {NONFINITE}")
        elif bad:
            self._end(f"a weight {NONFINITE}")
        elif self._rule is not None and (why := self._rule(loss)):
            self._end(why)
        elif len(losses) >= self._count:
            self._end("")
        if self._done:
            raise StepLimit

    def _end(self, why: str) -> None:
        self._kept["ended"], self._done = why, True
        self._kept["seconds"] = time.monotonic() - self._began


def listener_of(following: Following) -> StepListener:
    """What `step_hooks.listen` takes."""
    return following._listener


def kept_of(following: Following) -> dict[str, Any]:
    """What was seen, as JSON values."""
    return following._kept


def _summed(losses: list[float | Tensor | None]) -> float | None:
    if not losses or any(loss is None for loss in losses):
        return None
    return sum(float(loss) for loss in losses if loss is not None)


def _weights(optimizer: Optimizer) -> float:
    """Sum of all it moves; not finite where one of them is not."""
    every = [p.detach() for group in optimizer.param_groups for p in group["params"]]
    plain = [p for p in every if p.is_floating_point()]
    return float(torch.stack([p.sum(dtype=torch.float64).cpu() for p in plain]).sum()) if plain else 0.0


def _agreed(loss: float | None, bad: bool) -> tuple[float | None, bool]:
    """The mean loss over all processes of a training, and whether any went wrong: all of them decide alike."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return loss, bad
    device = "cpu"
    if torch.distributed.get_backend() == "nccl":
        device = f"cuda:{torch.cuda.current_device()}"
    known = loss is not None
    shared = torch.tensor([loss if known else math.nan, bad], dtype=torch.float32, device=device)
    torch.distributed.all_reduce(shared)
    total, wrong = shared.tolist()
    return (total / torch.distributed.get_world_size() if known else None), wrong > 0
