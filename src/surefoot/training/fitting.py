"""`fit`: one training, wired right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.optim import LBFGS, Optimizer

from surefoot.clipping import Clipper
from surefoot.errors import SettingError
from surefoot.schedules import Schedule, ScheduledLR, as_schedule, constant, parse
from surefoot.training.batches import Source, Split
from surefoot.training.checkpoint import read_checkpoint_at, safetensors_or_raise
from surefoot.training.checkpoint_lock import CheckpointLock
from surefoot.training.checks import check_settings
from surefoot.training.data import DEFAULT_BATCH_SIZE, source_of
from surefoot.training.early_stopping import EarlyStopping
from surefoot.training.engine import Engine
from surefoot.training.given_optimizer import made_optimizer
from surefoot.training.guard import NonfiniteGuard
from surefoot.training.loop import Loop, Plan
from surefoot.training.observing import Observing
from surefoot.training.phases import Part, Phase, Phases, as_phases, clippers_of, length_of
from surefoot.training.progress import ProgressLine
from surefoot.training.random_state import derived_seed, seed_everything
from surefoot.training.rate_finding import find_lr, swept_clipper, take_rate
from surefoot.training.result import Fit
from surefoot.training.resuming import best_elsewhere, chosen, label
from surefoot.training.stepping import Stepper
from surefoot.training.task import Loss, Task
from surefoot.training.validation import Metric, Validation


def fit(
    model: nn.Module,
    loss: Loss | None,
    data: Any,
    *,
    optimizer: str | Mapping[str, Any] | Optimizer = "adamw",
    lr: float | Literal["find"] | None = None,
    schedule: Schedule | str | Callable[[int], float] | None = None,
    clip: Literal["auto"] | float | Clipper | None = "auto",
    phases: Sequence[Phase | Mapping[str, Any]] | None = None,
    batch_size: int | Literal["full"] | None = None,
    accumulate: int = 1,
    epochs: int | None = None,
    steps: int | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
    workers: int = 0,
    validate: Any = None,
    metrics: Mapping[str, Metric] | None = None,
    validate_every: int | None = None,
    patience: int | None = None,
    improvement: float = 0.0,
    restore_best: bool = False,
    mixed_precision: Literal["no", "fp16", "bf16"] | None = None,
    seed: int | None = 0,
    folder: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: bool | str | Path = False,
    on_divergence: Literal["stop", "rewind"] = "stop",
    observe: bool = True,
    name: str | None = None,
    runs: str | Path = "surefoot-runs",
    progress: bool | None = None,
) -> Fit:
    """Train a model: on any device, on 1 to N processes, observed, resumable.

    Args:
        model: Trained in place, and moved to the device.
        loss: `loss(output, target)`, `loss(model, batch)`, or None for a model that returns its loss; see
            `Task`.
        data: Tensors or arrays as (input, …, target); a dataset; a DataLoader; or an iterable of ready
            batches.
        optimizer: A name for `surefoot.optimizers.optimizer`, a dictionary of its arguments ({"name": "sgd",
            "momentum": 0.8}), or an optimizer.
        lr: Learning rate, for an optimizer given by name; "find": the one that `find_lr` recommends for this very
            training, of whatever optimizer.
        schedule: Factor of the rate over steps or epochs; a schedule, its text, or a function step -> factor.
        clip: "auto" for AutoClip, a largest norm, a clipper, or None. Whatever it is, a step with a gradient
            that is NaN or infinite never reaches the weights.
        phases: One optimizer after another, each with its length, rate and schedule: `Phase`s, or dictionaries of
            their settings; in place of `optimizer`, `lr`, `schedule`, `epochs` and `steps`.
        batch_size: Examples in one micro-batch, all processes together; "full": all examples in each step;
            1: one example a step. By default that of the DataLoader, or 32.
        accumulate: Micro-batches in one optimizer step; its gradient is that of the mean over all their
            examples.
        epochs: How often to go through the data; or
        steps: how many optimizer steps to take.
        shuffle: A new order each epoch, fixed by the seed.
        drop_last: Leave out what does not fill a micro-batch.
        workers: Worker processes for a dataset.
        validate: Held-out data, in any form that `data` has.
        metrics: Name -> function of (output, target), the mean over a batch.
        validate_every: Steps between validations; by default once an epoch.
        patience: Validations without a lower loss after which to stop early.
        improvement: By how much the loss must be lower to count. Unit: loss.
        restore_best: End with the weights of the best validation.
        mixed_precision: "fp16", "bf16", "no"; by default as the environment says.
        seed: Of python's, NumPy's and torch's generators and of the data's order; None leaves generators
            alone.
        folder: Where the best and the last checkpoint are kept; none are written without it.
        checkpoint_every: Steps between checkpoints; by default once an epoch.
        resume: True goes on from the folder's last checkpoint if there is one, bitwise, in the middle of an
            epoch too; a path, from the one there: a folder of checkpoints, or one of them.
        on_divergence: "stop", or "rewind": back to the last good checkpoint at half the learning rate.
        observe: Record and diagnose the run.
        name: Its name.
        runs: Folder of all runs.
        progress: A progress line; by default where standard error is a terminal.

    Returns:
        How it went: losses, validations, the way it ended, where the checkpoints and the run are.

    Raises:
        SettingError: A setting out of range, or data and loss that do not fit each other.
        CheckpointError: A checkpoint that cannot be written, read, or continued with these settings.
        MissingExtra: accelerate or safetensors is missing.

    Effects: trains `model`; writes a run below `runs` and checkpoints into `folder`; seeds the generators.

    Example:
        >>> import tempfile
        >>> x = torch.linspace(-1, 1, 64).unsqueeze(1)
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     result = fit(nn.Linear(1, 1), nn.MSELoss(), (x, 2 * x + 1), optimizer="sgd", batch_size=8,
        ...                  epochs=20, clip=None, runs=runs)
        >>> round(result.model.weight.item(), 2), round(result.model.bias.item(), 2)
        (2.0, 1.0)
    """
    alone = Phase(
        optimizer=optimizer, steps=steps, epochs=epochs, lr=None if lr == "find" else lr, schedule=schedule
    )
    if phases is not None:
        if lr == "find":
            raise SettingError("lr is given beside phases: give it in each phase.")
        stretches = as_phases(phases, alone)
        steps, epochs = length_of(stretches, "steps"), length_of(stretches, "epochs")
    else:
        stretches = [alone]
    check_settings(
        model=model,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        accumulate=accumulate,
        validate=validate,
        validate_every=validate_every,
        patience=patience,
        improvement=improvement,
        restore_best=restore_best,
        checkpoint_every=checkpoint_every,
        folder=folder,
        on_divergence=on_divergence,
        seed=seed,
        metrics=metrics,
    )
    task = Task(loss)
    engine = Engine(mixed_precision)
    kept, begun = chosen(folder, resume)
    if kept is not None:
        safetensors_or_raise()  # at once, not after an epoch
    earlier = read_checkpoint_at(begun) if begun is not None else None
    order_seed = _seeded(seed, earlier, engine)
    split = Split(
        batch_size or DEFAULT_BATCH_SIZE,
        accumulate,
        shuffle,
        drop_last,
        order_seed,
        engine.rank,
        engine.processes,
    )
    source = source_of(data, split, batch_size_given=batch_size is not None, workers=workers)
    raws = [made_optimizer(phase.optimizer, model, phase.lr) for phase in stretches]
    raw = raws[0]
    range_test = None
    if lr == "find" and earlier is None:  # a checkpoint has its rate
        range_test = find_lr(
            model,
            loss,
            data,
            optimizer=raw,
            clip=clip if isinstance(clip, Clipper) else swept_clipper(clip, raw),
            batch_size=batch_size,
            accumulate=accumulate,
            validate=validate,
            mixed_precision=mixed_precision,
            seed=order_seed,
            runs=runs if observe else None,
            name=None if name is None else f"{name}-range-test",
        )
        take_rate(raw, range_test)
    if any(isinstance(each, LBFGS) for each in raws) and engine.scaler is not None:
        raise SettingError(
            "lbfgs evaluates its loss several times a step, which fp16 cannot scale: use bf16 or no."
        )
    rates = [
        ScheduledLR(each, _schedule(phase.schedule, source))
        for each, phase in zip(raws, stretches, strict=True)
    ]
    clippers = clippers_of(stretches, clip, raws)
    if not model.training:
        model.train()
    ready, prepared = engine.prepared(model, raw)
    observing = Observing(observe and engine.main, model, raws, clippers, name, runs)
    prepared_ones = [prepared, *map(engine.prepared_optimizer, raws[1:])]
    steppers = [
        Stepper(engine, ready, one, each, task) for one, each in zip(prepared_ones, raws, strict=True)
    ]
    for stepper, each, clipper in zip(steppers, raws, clippers, strict=True):
        if not (
            observing.run is None and isinstance(clipper, NonfiniteGuard) and stepper.guarded_by(clipper)
        ):
            clipper.attach(each, model)
    course = Phases([Part(*parts) for parts in zip(stretches, raws, steppers, rates, clippers, strict=True)])
    show = engine.main and progress is not False
    line = ProgressLine(_total(steps, epochs, source), progress if engine.main else False)
    loop = Loop(
        plan=Plan(
            steps=steps,
            epochs=epochs,
            validate_every=validate_every,
            checkpoint_every=checkpoint_every,
            on_divergence=on_divergence,
            folder=kept,
            restore_best=restore_best,
            settings={
                "seed": order_seed,
                "examples": source.examples,
                "batch_size": source.batch_size,
                "accumulate": accumulate,
                "shuffle": shuffle,
                "drop_last": drop_last,
                "optimizer": course.told(lambda part: type(part.raw).__qualname__),
                "clip": course.told(lambda part: label(part.clipper)),
                "schedule": course.told(lambda part: label(part.rates.schedule)),
                "mixed_precision": engine.precision,
            },
        ),
        engine=engine,
        own=model,
        model=ready,
        phases=course,
        source=source,
        validation=_validation(validate, task, metrics, batch_size, engine, workers),
        stopping=EarlyStopping(patience, improvement),
        log=observing.log,
        progress=line,
    )
    try:
        if earlier is not None:
            loop.load(earlier)
            if restore_best and (best := best_elsewhere(begun, kept)) is not None:
                loop.remember_best(best)
        with CheckpointLock(kept if engine.main else None), line:
            ended, reason = loop.run()
            line.update(
                loop.at.step, loop.losses[-1] if loop.losses else None, loop.raw.param_groups[0]["lr"], reason
            )
        findings = observing.end(ended, reason, show and line.wanted)
    except BaseException as error:
        observing.fail(error)
        raise
    finally:
        engine.give_back(model)
    return Fit(
        model=model,
        optimizer=loop.raw,
        ended=ended,
        reason=reason,
        steps=loop.at.step,
        epochs=loop.at.epoch,
        losses=np.array(loop.losses, dtype=np.float64),
        validations=tuple(loop.validations),
        best_step=loop.stopping.best_step,
        best_loss=loop.stopping.best if loop.stopping.best_step is not None else None,
        rewinds=tuple(loop.rewinds),
        folder=kept,
        run=observing.run,
        findings=findings,
        range_test=range_test,
    )


def _seeded(seed: int | None, earlier: dict[str, Any] | None, engine: Engine) -> int:
    """Seed the generators; returns the seed of the data's order, the same on every process."""
    if seed is not None:
        seed_everything(seed if engine.rank == 0 else derived_seed(seed, engine.rank))
        return seed
    if earlier is not None:
        return int(earlier["settings"]["seed"])
    return int(engine.gathered(torch.initial_seed() >> 1)[0])


def _schedule(given: Schedule | str | Callable[[int], float] | None, source: Source) -> Schedule:
    if given is None:
        return constant()
    schedule = parse(given) if isinstance(given, str) else as_schedule(given)
    if not schedule.in_epochs:
        return schedule
    if source.steps_per_epoch is None:
        raise SettingError(
            f"{schedule!r} is in epochs and the data does not say how long one is: give lengths in steps."
        )
    return schedule.in_steps(source.steps_per_epoch)


def _validation(
    data: Any,
    task: Task,
    metrics: Mapping[str, Metric] | None,
    batch_size: int | Literal["full"] | None,
    engine: Engine,
    workers: int,
) -> Validation | None:
    if data is None:
        return None
    size = (
        max(batch_size, DEFAULT_BATCH_SIZE)
        if isinstance(batch_size, int)
        else batch_size or DEFAULT_BATCH_SIZE
    )
    split = Split(size, shuffle=False, rank=engine.rank, processes=engine.processes)
    return Validation(source_of(data, split, batch_size_given=False, workers=workers), task, metrics)


def _total(steps: int | None, epochs: int | None, source: Source) -> int | None:
    if steps is not None:
        return steps
    return math.ceil((epochs or 0) * source.steps_per_epoch) if source.steps_per_epoch else None
