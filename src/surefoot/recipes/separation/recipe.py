"""The recipe `separation`: one network that takes two voices apart, trained with AutoClip, recorded."""

from __future__ import annotations

import shutil
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from surefoot.errors import CheckpointError, SettingError
from surefoot.figures.animation.scenes import Scene
from surefoot.figures.canvas import COLORS, GRID, INK, MUTED, footer, new_figure, styled
from surefoot.landscape import log_fit
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.separation.audio import RATE
from surefoot.recipes.separation.corpus import Corpus, find_corpus
from surefoot.recipes.separation.mixtures import Mixtures
from surefoot.recipes.separation.pictures import landscape_of, scene_of
from surefoot.recipes.separation.settings import Settings
from surefoot.recipes.separation.spectra import spectrum
from surefoot.recipes.separation.study import write_sounds
from surefoot.recipes.separation.table import readable
from surefoot.recipes.separation.training import Trained, train
from surefoot.training.checkpoint import read_index

PAGE = """
Two people speak at once into one microphone. A network hears the mixture as a picture of loudness over time
and pitch, and says for each spot of it to whom it belongs; what belongs to one of them, played back, is a
voice alone. Which of them is "the first" is for nobody to say, so the loss takes whichever order fits better
(permutation-invariant training). Its gradients are wild: how wild depends on how loud the mixture is and how
much the voices overlap. That is what AutoClip was made for.

The voices are recorded speech. With Debian or Ubuntu, two come by the line below (Allison, English, CC BY-SA 3.0;
Carlo, Italian, CC BY 3.0; installed, not part of surefoot), and are found by themselves:

```
apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-it-wav
```

Any other speech goes by `--data FOLDER`: a subfolder of WAV, FLAC or OGG files for each speaker (LibriSpeech,
VCTK), or ready mixtures with their sources in the layouts of WSJ0-2mix and Libri2Mix. It needs
`pip install 'surefoot[separation]'`.

## What to look at

- `sounds/` has held-out mixtures with their true and separated voices as WAV files. Listen.
- The spectrograms: where the separated voice keeps the lines of its own speaker and where it leaks the
  other's.
- The gradient norm leaps over a decade, almost always above the threshold: that is the percentile of all norms
  so far, and they grow while the network learns.
- SI-SDRi, the improvement of the scale-invariant signal-to-distortion ratio, says how many decibels nearer the
  separated voices are to the true ones than the mixture was. Early and late loss are means of the first and
  the last fifth of the steps.

## What to change

- `--set percentile=100`: no clipping. `surefoot reproduce autoclip` compares percentiles over seeds;
  `docs/recipes/autoclip.md` has what it found, and how that differs from the paper.
- `--set objective=whitened`, or `clustering`, or `chimera`: embeddings whose clusters are the voices, or both
  heads at once.
- `--set steps=20000`: the network is far from done, and a training that was interrupted goes on by `--resume`;
  `--set units=300`, `--set lr=0.001`, `--set batch=25` and `--set frames=400` are as published.
- `--set level_jitter=8`: mixtures of very different loudness, where clipping matters most.
"""

_OF_THE_TRAINING = {
    "steps": Number(3000, "optimizer steps", quick=60, low=1),
    "units": Number(64, "units of each direction of each BLSTM layer", quick=16, low=1),
    "layers": Number(2, "BLSTM layers", quick=1, low=1),
    "batch": Number(4, "mixtures a step", low=1),
    "frames": Number(64, "frames of 8 ms in each training mixture", low=4),
    "lr": Number(3e-3, "Adam's learning rate", low=0),
    "percentile": Number(10.0, "AutoClip's percentile, 0 to 100; 100 never clips", low=0),
    "objective": Number("masks", "masks, clustering, whitened or chimera"),
    "clustering_weight": Number(0.975, "weight of the clustering loss in the chimera, 0 to 1", low=0),
    "level_jitter": Number(0.0, "standard deviation of a training mixture's level, dB", low=0),
    "every": Number(20, "steps between records of smoothness", low=1),
    "tests": Number(50, "held-out mixtures separated at the end", quick=4, low=1),
    "test_seconds": Number(3.0, "length of each, seconds", quick=1.0, low=0.5),
}
_NUMBERS = {
    "data": Number("", "folder of the voices; empty for those that Debian packages install"),
    "speakers": Number("", "only these speakers, by name, separated by commas; empty for all"),
    **_OF_THE_TRAINING,
    "sounds": Number(3, "held-out mixtures written as WAV files", quick=1, low=0),
}


def corpus_of(options: Options) -> Corpus:
    """The voices that the options name."""
    data, speakers = str(options.numbers["data"]), str(options.numbers["speakers"])
    names = [name.strip() for name in speakers.split(",") if name.strip()]
    return find_corpus(Path(data).expanduser() if data else None, speakers=names)


def settings_of(options: Options) -> Settings:
    """The training's numbers."""
    known = {field.name for field in fields(Settings)}
    given: dict[str, Any] = {name: value for name, value in options.numbers.items() if name in known}
    return Settings(seed=options.seed, **given)


def _mixtures_of(settings: Settings, corpus: Corpus) -> Mixtures:
    return Mixtures(corpus, seed=settings.seed, level_jitter=settings.level_jitter)


def _shown(options: Options) -> Landscape:
    settings = settings_of(options)
    return landscape_of(settings, _mixtures_of(settings, corpus_of(options)))


def _scene(kind: str, options: Options, frames: int) -> Scene:
    settings = settings_of(options)
    return scene_of(kind, options, settings, _mixtures_of(settings, corpus_of(options)), frames)


def _unfinished(options: Options, settings: Settings, corpus: Corpus) -> Path:
    """Folder of this very training's checkpoints: other numbers or other voices have another.

    Raises:
        CheckpointError: One is there, and nobody asked to go on with it.
    """
    folder = options.out / "unfinished" / f"{settings.name}-{corpus.digest[:8]}"
    if read_index(folder) and not options.resume:
        raise CheckpointError(
            f"{folder} holds this training, unfinished: go on with it by --resume (resume=True), or choose "
            "another folder."
        )
    return folder


def _train(options: Options) -> Outcome:
    settings, corpus = settings_of(options), corpus_of(options)
    mixtures = _mixtures_of(settings, corpus)
    unfinished = _unfinished(options, settings, corpus)
    trained = train(settings, mixtures, runs=options.runs, checkpoints=unfinished)
    shutil.rmtree(unfinished, ignore_errors=True)  # a short training has kept nothing
    write_sounds(trained, options.out / "sounds", options.whole("sounds"))
    better, ratio = trained.separated.improvement, trained.separated.ratio
    fifth = max(1, len(trained.losses) // 5)
    first, last = trained.losses[:fifth].mean(), trained.losses[-fifth:].mean()
    row = {
        "objective": settings.objective,
        "percentile": settings.percentile,
        "early loss": float(first),
        "late loss": float(last),
        "clipped, %": 100 * float((trained.factors < 1).mean()),
        "SI-SDR, dB": float(ratio.mean()),
        "SI-SDRi, dB": float(better.mean()),
        "made better, %": 100 * float((better > 0).mean()),
    }
    sentences = [
        f"Voices: {corpus.description}.",
        f"The loss went from {first:.3g} to {last:.3g}, means of the first and last fifth of {settings.steps:,} steps.",
        f"On {settings.tests} held-out mixtures the voices came {better.mean():.1f} dB nearer to the true ones "
        f"(from {better.min():.1f} to {better.max():.1f} dB).",
    ]
    try:
        fit = log_fit(trained.dynamics)
    except SettingError:
        pass  # too short a training for a correlation
    else:
        sentences.append(
            f"Log smoothness and log gradient norm go together with r = {fit.r:.2f} [{fit.low:.2f}, {fit.high:.2f}], "
            f"{fit.records} records."
        )
    runs = () if trained.run is None else (trained.run,)
    return Outcome((row,), tuple(sentences), {"trained": trained}, runs)


def _figure(outcome: Outcome) -> Any:
    trained: Trained = outcome.data["trained"]
    sources, estimates = trained.sources[0], trained.separated.estimates[0]
    pictures = [("mixture", sources.sum(axis=0))]
    for voice in range(2):
        pictures += [
            (f"voice {voice + 1}, true", sources[voice]),
            (f"voice {voice + 1}, separated", estimates[voice]),
        ]
    with styled():
        figure = new_figure(12.0, 6.2)
        upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.05])
        image = None
        axes = upper.subplots(1, 5, sharey=True)
        for place, (name, sound) in zip(axes, pictures, strict=True):
            image = place.imshow(_decibels(sound).T, **_LOOK, extent=(0, len(sound) / RATE, 0, RATE / 2000))
            place.set_title(name)
            place.set_xlabel("seconds")
        axes[0].set_ylabel("kHz")
        upper.colorbar(image, ax=axes, label="dB", pad=0.01)
        left, right = lower.subplots(1, 2)
        _curves(left, right, trained)
        footer(figure, [" ".join(outcome.sentences[1:3])], width=150)
    return figure


_LOOK: dict[str, Any] = {"origin": "lower", "aspect": "auto", "cmap": "magma", "vmin": -70.0, "vmax": 0.0}


def _decibels(sound: Any) -> Any:
    """Magnitudes below the loudest that a full voice has here."""
    sizes = spectrum(torch.from_numpy(np.ascontiguousarray(sound))).abs().numpy()
    return 20 * np.log10(np.maximum(sizes / 0.03, 1e-6))


def _curves(left: Any, right: Any, trained: Trained) -> None:
    losses, every = trained.losses, trained.settings.every
    record = trained.dynamics
    factor, unit = readable(float(losses[-1]))
    losses = losses * factor
    left.plot(losses, color=COLORS[0], lw=0.5, alpha=0.3)
    stretch = max(1, len(losses) // 40)
    whole = len(losses) // stretch * stretch
    middles = np.arange(whole).reshape(-1, stretch).mean(axis=1)
    left.plot(middles, losses[:whole].reshape(-1, stretch).mean(axis=1), color=COLORS[0], lw=2)
    left.set_title(f"Training loss{unit}")
    right.semilogy(record.steps, record.grad_norms, ".", color=COLORS[1], ms=4, label=f"every {every} steps")
    if trained.settings.clips:
        right.semilogy(record.steps, trained.thresholds, color=INK, lw=1.6, label="AutoClip's threshold")
    right.set_title("Gradient norm before clipping")
    right.legend(loc="best")
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(color=GRID, lw=0.6)
        axes.tick_params(which="both", color=MUTED)


RECIPE = Recipe(
    name="separation",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers=_NUMBERS,
    landscape=_shown,
    scenes={kind: partial(_scene, kind) for kind in ("curves", "path")},
    resumable=True,
)
