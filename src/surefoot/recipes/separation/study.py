"""The AutoClip study: the same trainings under several percentiles and seeds, each kept as it ends."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from surefoot.errors import SettingError, StoreError
from surefoot.recipes.separation.audio import write
from surefoot.recipes.separation.corpus import Corpus
from surefoot.recipes.separation.mixtures import Mixtures
from surefoot.recipes.separation.results import Result, file_of, finished, save
from surefoot.recipes.separation.settings import Settings
from surefoot.recipes.separation.table import arm_name
from surefoot.recipes.separation.training import Trained, train

PERCENTILES = (1.0, 10.0, 25.0, 50.0, 90.0, 100.0)
_FIRST = (10.0, 100.0)  # of each seed: the two arms that everything is about
_HEARD = 2  # held-out mixtures of each training that are written as sound

Say = Callable[[str], None]


@dataclass(frozen=True)
class Study:
    """What is to be trained.

    Args:
        base: The numbers that all trainings share.
        percentiles: AutoClip's; 100 is the arm without clipping.
        seeds: How many, from `base.seed` on. Arms of one seed share first weights and batches.
    """

    base: Settings
    percentiles: tuple[float, ...] = PERCENTILES
    seeds: int = 3

    def __post_init__(self) -> None:
        if not self.percentiles:
            raise SettingError("there are no percentiles to train; give some, for example 10,100.")
        if self.seeds < 1:
            raise SettingError(f"seeds is {self.seeds}; give 1 or more.")
        self.trainings()  # each checks its own numbers

    def trainings(self) -> list[Settings]:
        """Seed by seed, so that a study cut short has whole comparisons."""
        order = sorted(set(self.percentiles), key=lambda p: (p not in _FIRST, p))
        seeds = range(self.base.seed, self.base.seed + self.seeds)
        return [replace(self.base, percentile=p, seed=seed) for seed in seeds for p in order]


def run(study: Study, corpus: Corpus, out: Path, *, say: Say = lambda _: None) -> list[Result]:
    """Train what is not there yet.

    Args:
        study: The plan.
        corpus: The voices.
        out: Folder; results go to `trainings/`, sounds to `sounds/`.
        say: Told a sentence now and then.

    Returns:
        All results, in the plan's order.

    Raises:
        StoreError: The folder cannot be written, or holds a result that cannot be read.

    Effects: writes a file as each training ends; what is there is not trained again, and a training that was
        stopped goes on from its last checkpoint in `unfinished/`.
    """
    plan, voices = study.trainings(), corpus.digest
    folder = out / "trainings"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {folder} cannot be made ({error.strerror}); choose another.") from error
    there = {
        settings.name: result
        for settings in plan
        if (result := finished(folder, settings, voices)) is not None
    }
    if there:
        say(f"{len(there)} of {len(plan)} trainings are there already")
    remaining, spent = len(plan) - len(there), 0.0
    for number, settings in enumerate(plan, 1):
        if settings.name in there:
            continue
        began = time.perf_counter()
        label = f"training {number} of {len(plan)} ({_label(settings)})"
        unfinished = out / "unfinished" / file_of(folder, settings, voices).stem
        trained = train(
            settings,
            Mixtures(corpus, seed=settings.seed, level_jitter=settings.level_jitter),
            progress=_progress(settings, label, say),
            checkpoints=unfinished,
        )
        result = result_of(trained, voices)
        write_sounds(trained, out / "sounds" / settings.name)
        save(result, folder)
        shutil.rmtree(unfinished, ignore_errors=True)
        there[settings.name] = result
        spent, remaining = spent + time.perf_counter() - began, remaining - 1
        mean = spent / (sum(1 for s in plan[:number] if s.name in there))
        say(
            f"{label}: loss {result.late_loss:.3g}, SI-SDR improvement {result.improvement.mean():.2f} dB, "
            f"{result.seconds:.0f} s; about {remaining * mean / 60:.0f} minutes left"
        )
    return [there[settings.name] for settings in plan]


def result_of(trained: Trained, voices: str) -> Result:
    """What is kept of a training."""
    return Result(
        trained.settings,
        voices,
        trained.dynamics,
        trained.thresholds,
        trained.losses,
        trained.factors,
        trained.separated.improvement,
        trained.separated.ratio,
        trained.seconds,
    )


def write_sounds(trained: Trained, folder: Path, count: int = _HEARD) -> list[Path]:
    """Write the first held-out mixtures with their true and separated voices as WAV files."""
    written = []
    for index, (sources, estimates) in enumerate(
        zip(trained.sources[:count], trained.separated.estimates[:count], strict=True), 1
    ):
        sounds = {"mixture": sources.sum(axis=0)}
        for voice in range(len(sources)):
            sounds[f"voice{voice + 1}-true"] = sources[voice]
            sounds[f"voice{voice + 1}-separated"] = estimates[voice]
        written += [write(folder / f"{index}-{name}.wav", sound) for name, sound in sounds.items()]
    return written


def _label(settings: Settings) -> str:
    arm = f"percentile {arm_name(settings)}" if settings.clips else arm_name(settings)
    return f"{settings.objective}, {arm}, seed {settings.seed}"


def _progress(settings: Settings, label: str, say: Say) -> Callable[[int, float], None]:
    """Says where a training is, at most every ten seconds."""
    last = [time.monotonic()]

    def tell(step: int, loss: float) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            say(f"{label}: step {step} of {settings.steps}, loss {loss:.3g}")

    return tell
