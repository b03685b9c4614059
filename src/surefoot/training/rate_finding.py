"""`find_lr`: a learning-rate range test of a model, a loss and data, on copies of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import nn
from torch.optim import Optimizer

from surefoot.clipping import Clipper
from surefoot.errors import SettingError
from surefoot.facts import RateTrial, SuggestedRate
from surefoot.landscape.objective import undisturbed
from surefoot.lr_range_test.conclusion import Conditions, concluded
from surefoot.lr_range_test.curvature import TOO_LONG, no_curvature, too_long
from surefoot.lr_range_test.ranges import Spacing, check_range, swept_rates
from surefoot.lr_range_test.recommendation import Candidate, candidates, worth_trying
from surefoot.lr_range_test.records import RangeTest
from surefoot.lr_range_test.suggestions import suggestions
from surefoot.training.batches import Split
from surefoot.training.data import DEFAULT_BATCH_SIZE, source_of
from surefoot.training.engine import Engine
from surefoot.training.given_optimizer import made_optimizer
from surefoot.training.guard import NonfiniteGuard, clipper_for
from surefoot.training.random_state import kept_random_state, seed_everything
from surefoot.training.rate_bench import Bench
from surefoot.training.task import Loss, Task
from surefoot.training.validation import Validation

A_MINUTE = 60.0  # seconds that trials may take without being asked for


def find_lr(
    model: nn.Module,
    loss: Loss | None,
    data: Any,
    *,
    optimizer: str | Mapping[str, Any] | Optimizer = "adamw",
    first: float = 1e-6,
    last: float = 10.0,
    steps: int = 100,
    spacing: Spacing = "exponential",
    after: int = 0,
    confirm: bool | None = None,
    confirm_steps: int | None = None,
    clip: Clipper | None = None,
    batch_size: int | Literal["full"] | None = None,
    accumulate: int = 1,
    validate: Any = None,
    mixed_precision: Literal["no", "fp16", "bf16"] | None = None,
    seed: int = 0,
    runs: str | Path | None = "surefoot-runs",
    name: str | None = None,
) -> RangeTest:
    """Find a learning rate: sweep it, read the curve, try what it suggests.

    Args:
        model: Copied, never moved.
        loss: As `fit` takes it.
        data: As `fit` takes it.
        optimizer: As `fit` takes it; one that is given is copied with the model.
        first: Lowest rate.
        last: Highest.
        steps: Of the sweep, at least 20.
        spacing: "exponential" or "linear".
        after: Steps of ordinary training before it, for a curve that is not that of a fresh model.
        confirm: Train at each suggestion from the same start and recommend the best; None: where that takes less than a
            minute.
        confirm_steps: Of each of these trainings; by default as many as the sweep has, at least 100.
        clip: A clipper, copied.
        batch_size: As `fit` takes it.
        accumulate: As `fit` takes it.
        validate: Held-out data by which the trials are ranked; without, the mean training loss of their last quarter.
        mixed_precision: As `fit` takes it.
        seed: Of everything random, the same in every trial.
        runs: Folder of all runs; None keeps none.
        name: Of the run.

    Returns:
        The curve, the suggestions with their doubt, the trials; `lr` is the rate to use.

    Raises:
        SettingError: A setting out of range, a model that can't be copied, an optimizer that can't be driven.
        MissingExtra: accelerate is missing.

    Effects: writes a run below `runs`. Model, optimizer, modes, random numbers and loaders are as before.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 64).unsqueeze(1)
        >>> found = find_lr(nn.Linear(1, 1), nn.MSELoss(), (x, 2 * x + 1), optimizer="sgd",
        ...                 batch_size="full", runs=None)
        >>> 0.01 < found.lr < 2
        True
    """
    check_range(first, last, steps, spacing, after)
    if not isinstance(model, nn.Module):
        raise SettingError(f"model is a {type(model).__name__}: give a torch.nn.Module.")
    engine = Engine(mixed_precision)
    split = Split(
        batch_size or DEFAULT_BATCH_SIZE, accumulate, seed=seed, rank=engine.rank, processes=engine.processes
    )
    with kept_random_state(), undisturbed(data), _epoch_kept(data):
        seed_everything(seed)
        source = source_of(data, split, batch_size_given=batch_size is not None)
        held_out = None if validate is None else _validation(validate, engine)
        raw = made_optimizer(optimizer, model, None)
        bench = Bench(model, raw, loss, clip, source, held_out, engine, seed)
        given = isinstance(optimizer, Optimizer) or (isinstance(optimizer, Mapping) and "lr" in optimizer)
        conditions = Conditions(type(raw).__name__, None, first, last, spacing, after)
        test = _Test(bench, conditions, confirm, confirm_steps or max(100, steps), given).run(steps)
    if runs is None or not engine.main:
        return test
    from surefoot.lr_range_test.keeping import kept

    return kept(test, Path(runs), name, **raw.defaults)


def take_rate(optimizer: Optimizer, test: RangeTest) -> None:
    """Give an optimizer the rate that was found, its groups in proportion.

    Raises:
        SettingError: None was found.
    """
    if test.lr is None:
        raise SettingError(f"lr='find' found no rate ({test.found.said}): give lr=….")
    present = test.found.present
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * test.lr / present if present and group["lr"] != present else test.lr


def swept_clipper(clip: Any, optimizer: Optimizer) -> Clipper | None:
    """The clipper that `fit(clip=…)` means; none where that is but the guard, which would hide what ends a sweep."""
    clipper = clipper_for(clip, optimizer)
    return None if isinstance(clipper, NonfiniteGuard) else clipper


@dataclass
class _Test:
    """A range test on a bench.

    Args:
        bench: The training.
        conditions: Of the test.
        confirm: Whether to try the suggestions; None: where it takes less than a minute.
        length: Steps of a trial.
        given: The training's own rate was chosen by the user, and is tried as well.
    """

    bench: Bench
    conditions: Conditions
    confirm: bool | None
    length: int
    given: bool

    def run(self, steps: int) -> RangeTest:
        bench, conditions = self.bench, self.conditions
        bench.advance(conditions.after)
        rates = swept_rates(conditions.first, conditions.last, steps, conditions.spacing)
        began = time.monotonic()
        curve, present = bench.sweep(rates)
        pace = (time.monotonic() - began) / max(1, len(curve))
        found, noise = suggestions(curve)
        long = bench.engine.gathered(too_long(pace, self.confirm, A_MINUTE))[0]
        found = (*found, no_curvature(TOO_LONG) if long else bench.curvature())
        self.conditions = replace(conditions, present=present)
        trials = self._trials(found, pace, present if self.given else None)
        return concluded(curve, found, trials, noise, self.conditions)

    def _trials(
        self, found: tuple[SuggestedRate, ...], pace: float, present: float | None
    ) -> list[RateTrial]:
        chosen = candidates(found, self.conditions.first, self.conditions.last, present)
        if not self._confirmed(found, chosen, pace):
            return []
        return [self.bench.trial(each, self.length) for each in chosen]

    def _confirmed(self, found: tuple[SuggestedRate, ...], chosen: list[Candidate], pace: float) -> bool:
        if not worth_trying(found, chosen):
            return False
        if self.confirm is not None:
            return self.confirm
        in_time = len(chosen) * self.length * pace < A_MINUTE
        return bool(self.bench.engine.gathered(in_time)[0])  # one clock decides for all processes


@contextmanager
def _epoch_kept(data: Any) -> Iterator[None]:
    """A distributed sampler's epoch is put back."""
    sampler = getattr(data, "sampler", None)
    before = getattr(sampler, "epoch", None)
    try:
        yield
    finally:
        if before is not None and hasattr(sampler, "set_epoch"):
            sampler.set_epoch(before)  # type: ignore[union-attr]


def _validation(data: Any, engine: Engine) -> Callable[[Loss | None], Validation]:
    split = Split(DEFAULT_BATCH_SIZE, shuffle=False, rank=engine.rank, processes=engine.processes)
    source = source_of(data, split, batch_size_given=False)
    return lambda copied: Validation(source, Task(copied))
