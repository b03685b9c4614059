"""One training of a separation network, with the study's statistics every so many steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.capture import watch
from surefoot.clipping import AutoClip
from surefoot.errors import CheckpointError
from surefoot.landscape import SmoothnessMeter, TrajectoryRecorder
from surefoot.optimizers import optimizer as make_optimizer
from surefoot.recipes.separation import losses
from surefoot.recipes.separation.audio import RATE
from surefoot.recipes.separation.evaluation import Separated, evaluate
from surefoot.recipes.separation.mixtures import Mixtures, samples_of
from surefoot.recipes.separation.model import Heads, Separator
from surefoot.recipes.separation.settings import Settings
from surefoot.recipes.separation.spectra import HOP, spectrum
from surefoot.surfaces import Smoothness, Trajectory
from surefoot.training.checkpoint import checkpoint_name, read_checkpoint, read_index, write_checkpoint
from surefoot.training.checkpoint_lock import CheckpointLock

KEEP_EVERY = 60.0  # seconds between checkpoints
PATH_EVERY = 5  # steps between points of a path

_STANDARD_BATCHES = 8  # of the first mixtures, for the mean and deviation of the inputs
_BEFORE_TRAINING = 1 << 30  # their steps, apart from the training's

Progress = Callable[[int, float], None]  # steps done, mean loss of the last window


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Args:
        settings: What was trained.
        dynamics: Step size, loss, unclipped gradient norm and smoothness, a record every `settings.every` steps.
        thresholds: Shape (n,): AutoClip's threshold at each record of `dynamics`; beside p = 100 it is the
            largest norm so far.
        losses: Shape (steps,): of each step's batch, before the step.
        factors: Shape (steps,): clip factor of each step, in (0, 1].
        separated: The held-out mixtures taken apart.
        sources: Shape (tests, 2, N): what they were made of.
        model: As trained.
        seconds: Of training, evaluation left out.
        run: The recorded run, if it was observed.
        trajectory: The parameters' path, if it was asked for.
    """

    settings: Settings
    dynamics: Smoothness
    thresholds: NDArray[np.float64]
    losses: NDArray[np.float64]
    factors: NDArray[np.float64]
    separated: Separated
    sources: NDArray[np.float32]
    model: Separator
    seconds: float
    run: Path | None = None
    trajectory: Trajectory | None = None


def train(
    settings: Settings,
    mixtures: Mixtures,
    *,
    progress: Progress | None = None,
    runs: Path | None = None,
    checkpoints: Path | None = None,
    device: torch.device | str | None = None,
    path: bool = False,
) -> Trained:
    """Train one network and separate held-out mixtures with it.

    Args:
        settings: All its numbers.
        mixtures: What to train on; trainings of the same seed see the same batches.
        progress: Called at every record.
        runs: Observe the training and keep the run below this folder; None leaves that out.
        checkpoints: Folder to keep the training's state in, every minute; a training that is there goes on.
        device: Where to train; by default on a GPU that CUDA knows, else on the CPU.
        path: Keep the parameters' path, from where this call begins.

    Raises:
        CheckpointError: A checkpoint that cannot be written or read.

    Effects: the process's random state is put back.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    state = _State.started(settings, mixtures, device)
    if checkpoints is not None and read_index(checkpoints):
        kept_state = read_checkpoint(checkpoints)
        try:
            state.restore(kept_state)
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            said = " ".join(str(error).split())
            raise CheckpointError(
                f"{checkpoints} holds the checkpoints of another training ({said}): choose another folder."
            ) from error
    watching = (
        nullcontext() if runs is None else watch(state.model, state.optimizer, name=settings.name, runs=runs)
    )
    recorder = TrajectoryRecorder(state.model, name=settings.objective, every=PATH_EVERY)
    following = recorder.following(state.optimizer) if path else nullcontext()
    with (
        CheckpointLock(checkpoints),
        watching as observation,
        state.clipper.attach(state.optimizer),
        following,
    ):
        kept = time.monotonic()
        began = kept - state.seconds
        while state.step < settings.steps:
            state.advance()
            done = state.step - 1
            if progress is not None and done % settings.every == 0:
                progress(done, float(np.mean(state.losses[-settings.every :])))
            state.seconds = time.monotonic() - began
            if checkpoints is not None and state.seconds + began - kept > KEEP_EVERY:
                write_checkpoint(checkpoints, checkpoint_name(state.step), state.kept(), ["last"])
                kept = time.monotonic()
    dynamics = state.meter.record()
    length = round(settings.test_seconds * RATE)
    sources = torch.from_numpy(mixtures.held_out(settings.tests, length)).to(device)
    return Trained(
        settings,
        dynamics,
        np.array([state.thresholds[step // settings.every] for step in dynamics.steps.tolist()]),
        np.array(state.losses),
        np.array(state.factors),
        evaluate(state.model, sources),
        sources.cpu().numpy(),
        state.model,
        state.seconds,
        None if observation is None else observation.path,
        _with_losses(recorder.trajectory(), state.losses) if path else None,
    )


def _with_losses(path: Trajectory, losses: list[float]) -> Trajectory:
    # The loss of a step is computed where the step begins, so the last point has none yet.
    known = np.array([*losses, np.nan])
    return replace(path, losses=known[np.minimum(path.steps, len(losses))])


@dataclass
class _State:
    """A training between two steps."""

    settings: Settings
    mixtures: Mixtures
    device: torch.device
    model: Separator
    optimizer: torch.optim.Optimizer
    clipper: AutoClip
    meter: SmoothnessMeter
    losses: list[float] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)  # one for each record
    seconds: float = 0.0

    @classmethod
    def started(cls, settings: Settings, mixtures: Mixtures, device: torch.device) -> _State:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = Separator(
                settings.units,
                settings.layers,
                masks=settings.objective in ("masks", "chimera"),
                embeddings=settings.objective != "masks",
            ).to(device)
        optimizer = make_optimizer("adam", model, lr=settings.lr)
        meter = SmoothnessMeter(model, every=settings.every)
        state = cls(settings, mixtures, device, model, optimizer, AutoClip(settings.percentile), meter)
        first = [state.sources(_BEFORE_TRAINING + index).sum(dim=1) for index in range(_STANDARD_BATCHES)]
        model.standardise_by(spectrum(torch.cat(first)))
        return state

    @property
    def step(self) -> int:
        return len(self.losses)

    def sources(self, step: int) -> Tensor:
        """Of one batch, shape (B, 2, N)."""
        length = samples_of(self.settings.frames, HOP)
        return torch.from_numpy(self.mixtures.batch(step, self.settings.batch, length)).to(self.device)

    def advance(self) -> None:
        """One step of the optimizer, with what is recorded of it."""
        sources = self.sources(self.step)
        spectra, mixture = spectrum(sources), spectrum(sources.sum(dim=1))

        def compute() -> Tensor:
            return self.settings.loss_scale * loss_of(self.settings, self.model(mixture), spectra, mixture)

        self.optimizer.zero_grad()
        loss = compute()
        loss.backward()
        with self.meter.measuring(compute):
            self.optimizer.step()
        assert self.clipper.last is not None
        if self.step % self.settings.every == 0:
            self.thresholds.append(float(self.clipper.last.threshold))
        self.losses.append(float(loss.detach()))
        self.factors.append(float(self.clipper.last.factor))

    def kept(self) -> dict[str, Any]:
        """All that the next step depends on, and all that was recorded."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "clipper": self.clipper.state_dict(),
            "meter": self.meter.state_dict(),
            **{name: getattr(self, name) for name in _RECORDED},
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on where `kept` was."""
        self.model.load_state_dict(kept["model"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.clipper.load_state_dict(kept["clipper"])
        self.meter.load_state_dict(kept["meter"])
        for name in _RECORDED:
            setattr(self, name, kept[name])


_RECORDED = ("losses", "factors", "thresholds", "seconds")


def loss_of(settings: Settings, heads: Heads, sources: Tensor, mixture: Tensor) -> Tensor:
    """The training loss of one batch.

    Args:
        settings: Its objective.
        heads: What the network said of the mixtures.
        sources: Shape (B, 2, T, F), complex.
        mixture: Shape (B, T, F), complex.

    Returns:
        Shape ().
    """
    found = {}
    if heads.masks is not None:
        found["masks"] = losses.mask_inference(heads.masks, sources, mixture)
    if heads.embeddings is not None:
        cluster = losses.deep_clustering if settings.objective == "clustering" else losses.whitened_k_means
        found["clustering"] = cluster(heads.embeddings, losses.dominant(sources), losses.bin_weights(mixture))
    if settings.objective != "chimera":
        return next(iter(found.values()))
    share = settings.clustering_weight
    return share * found["clustering"] + (1 - share) * found["masks"]
