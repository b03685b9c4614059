"""Sweeps and trials of one training, each on copies of its model, optimizer, loss and clipper."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from surefoot.capture.step_hooks import StepListener, leave, listen
from surefoot.clipping import Clipper, attached
from surefoot.errors import SettingError, SurefootError
from surefoot.facts import RateTrial, SuggestedRate
from surefoot.landscape.objective import Objective
from surefoot.lr_range_test.curvature import (
    BATCHES,
    curvature_suggestion,
    no_curvature,
    stable_factor,
    top_eigenvalue,
)
from surefoot.lr_range_test.rates import Plan, RateDriver, undrivable
from surefoot.lr_range_test.recommendation import Candidate
from surefoot.lr_range_test.records import NONFINITE, Curve
from surefoot.lr_range_test.smoothing import Divergence
from surefoot.lr_range_test.trials import mean_of, tail
from surefoot.training.batches import Source, StepBatch
from surefoot.training.engine import Engine
from surefoot.training.random_state import seed_everything
from surefoot.training.stepping import Stepper
from surefoot.training.task import Loss, Task
from surefoot.training.validation import Validation

_Copies = tuple[nn.Module, Optimizer, Loss | None, Clipper | None]


@dataclass
class Bench:
    """The training as it stands, of which every sweep and trial takes a copy.

    Args:
        model: The user's, or a copy that has been trained for a while.
        optimizer: Over its parameters.
        loss: As `fit` takes it.
        clip: A clipper that is attached to each copy.
        source: Of batches.
        validation: Makes one of a copied loss; None without held-out data.
        engine: Device, processes, precision.
        seed: Every sweep and trial begins with it.
        start: Steps taken before.
    """

    model: nn.Module
    optimizer: Optimizer
    loss: Loss | None
    clip: Clipper | None
    source: Source
    validation: Callable[[Loss | None], Validation] | None
    engine: Engine
    seed: int
    start: int = 0

    def advance(self, steps: int) -> None:
        """Train so many steps as it is; everything begins there from then on."""
        if steps:
            copies = self._copies()
            for _ in self._steps(copies, None, steps):
                pass
            self.model, self.optimizer, self.loss, self.clip = copies
            self.start = steps

    def sweep(self, rates: Sequence[float]) -> tuple[Curve, float | None]:
        """The loss after a step at each rate; and the rate that the training has.

        Raises:
            SettingError: The optimizer can't be driven.
        """
        trouble = undrivable(self.optimizer)
        if trouble is not None:
            raise SettingError(f"{trouble}.")
        driver = RateDriver(Plan(rates=rates))
        copies, rule, losses, ended = self._copies(), Divergence(), list[float](), ""
        for loss in self._steps(copies, driver, len(rates) + 1):
            losses.append(loss)
            ended = _why(loss, copies[0], rule)
            if ended:
                break
        after = losses[1:]
        complete = not ended and len(after) == len(rates)
        swept = np.array(rates[: len(after)]), np.array(after)
        return Curve(*swept, ended or "the end of the range", complete), driver.present

    def trial(self, candidate: Candidate, steps: int) -> RateTrial:
        """A short training at a rate."""
        driver = RateDriver(Plan(scale_to=candidate.rate))
        copies, losses, ended = self._copies(), list[float](), ""
        for loss in self._steps(copies, driver, steps):
            losses.append(loss)
            ended = _why(loss, copies[0], None)
            if ended:
                break
        mean, error = tail(losses)
        validated = self.validation is not None
        if ended:
            mean = error = None
        elif self.validation is not None:
            held_out = self.validation(copies[2])(copies[0], self.engine)["val_loss"]
            mean, error = (held_out if math.isfinite(held_out) else None), None
        return RateTrial(
            rate=candidate.rate,
            methods=candidate.methods,
            steps=len(losses),
            loss=mean,
            error=error,
            mean=mean_of(losses),
            validated=validated,
            ended=ended,
        )

    def curvature(self) -> SuggestedRate:
        """The largest stable rate here."""
        name, settings = type(self.optimizer).__name__, self.optimizer.defaults
        known = stable_factor(name, settings)
        if known is None:
            return no_curvature(f"the largest stable rate of {name} isn't known")
        if self.engine.processes > 1 or self.engine.scaler is not None:
            return no_curvature("it isn't measured over several processes or in half precision")
        model, _, loss, _ = self._copies()
        task = Task(loss)

        def compute(at: nn.Module, batch: Any) -> torch.Tensor:
            found = task(at, batch)
            return found.root if found.count is None else found.root / found.count

        batches = [micro.data for step in islice(self._batches(), BATCHES) for micro in step.micro]
        try:
            objective = Objective(model, data=batches, compute=compute, mode="train", seed=self.seed)
            objective.summed = task.sums
            top = top_eigenvalue(objective, settings.get("eps") if known[1] else None)
        except (SurefootError, RuntimeError) as error:
            return no_curvature(f"{error}".splitlines()[0].rstrip("."))
        return curvature_suggestion(name, settings, top)

    def _copies(self) -> _Copies:
        memo: dict[int, Any] = {}
        try:
            model, loss, clip = copy.deepcopy((self.model, self.loss, self.clip), memo)
            return model, _copied(self.optimizer, memo), loss, clip
        except Exception as error:
            raise SettingError(
                f"{type(self.model).__name__} or its optimizer cannot be copied ({error}), and a range test never "
                "moves your own: give ones that copy.deepcopy takes."
            ) from error

    def _steps(self, copies: _Copies, driver: RateDriver | None, count: int) -> Iterator[float]:
        """The loss of each step, over all processes, as it was before the step."""
        model, raw, loss, clip = copies
        seed_everything(self.seed)
        if not model.training:
            model.train()
        ready, prepared = self.engine.prepared(model, raw)
        stepper = Stepper(self.engine, ready, prepared, raw, Task(loss))
        if clip is not None and attached(raw) is None:
            clip.attach(raw, model)
        with _driven(raw, driver):
            for batch in islice(self._batches(), count):
                own = stepper(batch)
                yield float(self.engine.summed(own))
        self.engine.give_back(model)

    def _batches(self) -> Iterator[StepBatch]:
        length = self.source.steps_per_epoch
        epoch, skipped = divmod(self.start, length) if length else (0, self.start)
        while True:
            empty = True
            for batch in self.source.steps(epoch, skipped):
                empty = False
                yield batch
            if empty and not skipped:
                return
            epoch, skipped = epoch + 1, 0


def _copied(optimizer: Optimizer, memo: dict[int, Any]) -> Optimizer:
    """A copy over the copied parameters.

    `copy.deepcopy` leaves out what a subclass keeps beside its groups and state. Hooks, and a `step` that a scheduler
    has wrapped, know the original and would step it.
    """
    copied = object.__new__(type(optimizer))
    memo[id(optimizer)] = copied
    own = {
        name: kept for name, kept in vars(optimizer).items() if name != "step" and not name.endswith("_hooks")
    }
    copied.__setstate__(copy.deepcopy(own, memo))
    return copied


@contextmanager
def _driven(optimizer: Optimizer, driver: RateDriver | None) -> Iterator[None]:
    """Drive this optimizer's rate within."""
    if driver is None:
        yield
        return
    drive = driver

    def before(stepping: Optimizer, args: Any, kwargs: Any) -> None:
        if stepping is optimizer:
            drive.before(stepping)

    def after(stepping: Optimizer) -> None:
        if stepping is optimizer:
            drive.after(stepping)

    listener = StepListener(before, after)
    listen(listener)
    try:
        yield
    finally:
        leave(listener, stepping_elsewhere=False)


def _why(loss: float, model: nn.Module, rule: Divergence | None) -> str:
    """Why a sweep or trial ends after a step, or ""."""
    if not math.isfinite(loss):
        return f"the loss {NONFINITE}"
    weights = [p.detach() for p in model.parameters() if p.is_floating_point()]
    if weights and not bool(torch.stack([w.isfinite().all() for w in weights]).all()):
        return f"a weight {NONFINITE}"
    return (rule(loss) if rule is not None else None) or ""
