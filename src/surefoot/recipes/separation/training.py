"""One training of a separation network, with the study's statistics every so many steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.capture import watch
from surefoot.clipping import AutoClip
from surefoot.landscape import SmoothnessMeter
from surefoot.optimizers import optimizer as make_optimizer
from surefoot.recipes.separation import losses
from surefoot.recipes.separation.audio import RATE
from surefoot.recipes.separation.evaluation import Separated, evaluate
from surefoot.recipes.separation.mixtures import Mixtures, samples_of
from surefoot.recipes.separation.model import Heads, Separator
from surefoot.recipes.separation.settings import Settings
from surefoot.recipes.separation.spectra import HOP, spectrum
from surefoot.surfaces import Smoothness

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


def train(
    settings: Settings,
    mixtures: Mixtures,
    *,
    progress: Progress | None = None,
    runs: Path | None = None,
    device: torch.device | str = "cpu",
) -> Trained:
    """Train one network and separate held-out mixtures with it.

    Args:
        settings: All its numbers.
        mixtures: What to train on; trainings of the same seed see the same batches.
        progress: Called at every record.
        runs: Observe the training and keep the run below this folder; None leaves that out.
        device: Where to train.

    Effects: the process's random state is put back.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = Separator(
            settings.units,
            settings.layers,
            masks=settings.objective in ("masks", "chimera"),
            embeddings=settings.objective != "masks",
        ).to(device)
    length = samples_of(settings.frames, HOP)

    def sources_of(step: int) -> Tensor:
        return torch.from_numpy(mixtures.batch(step, settings.batch, length)).to(device)

    first = [sources_of(_BEFORE_TRAINING + index).sum(dim=1) for index in range(_STANDARD_BATCHES)]
    model.standardise_by(spectrum(torch.cat(first)))
    optimizer = make_optimizer("adam", model, lr=settings.lr)
    clipper = AutoClip(settings.percentile)
    meter = SmoothnessMeter(model, every=settings.every)
    values, factors, thresholds = [], [], {}
    began = time.perf_counter()
    watching = nullcontext() if runs is None else watch(model, optimizer, name=settings.name, runs=runs)
    with watching as observation, clipper.attach(optimizer):
        for step in range(settings.steps):
            sources = sources_of(step)
            spectra, mixture = spectrum(sources), spectrum(sources.sum(dim=1))

            def compute(spectra: Tensor = spectra, mixture: Tensor = mixture) -> Tensor:
                return settings.loss_scale * loss_of(settings, model(mixture), spectra, mixture)

            optimizer.zero_grad()
            loss = compute()
            loss.backward()
            with meter.measuring(compute):
                optimizer.step()
            assert clipper.last is not None
            values.append(loss.detach())
            factors.append(clipper.last.factor)
            if step % settings.every == 0:
                thresholds[step] = float(clipper.last.threshold)
                if progress is not None:
                    progress(step, float(torch.stack(values[-settings.every :]).mean()))
    seconds = time.perf_counter() - began
    dynamics = meter.record()
    sources = torch.from_numpy(mixtures.held_out(settings.tests, round(settings.test_seconds * RATE))).to(
        device
    )
    return Trained(
        settings,
        dynamics,
        np.array([thresholds[step] for step in dynamics.steps.tolist()]),
        torch.stack(values).double().cpu().numpy(),
        torch.stack(factors).double().cpu().numpy(),
        evaluate(model, sources),
        sources.cpu().numpy(),
        model,
        seconds,
        None if observation is None else observation.path,
    )


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
