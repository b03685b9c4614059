"""Mixtures of two voices, made on the fly. What is drawn depends on the seed and the step alone.

Levels: the first voice stands 0 to 5 dB above the second, drawn evenly, as in WSJ0-2mix. On top of that the
whole mixture may be made louder or softer (`level_jitter`), which is ours: it spreads the gradient norms.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import SettingError
from surefoot.recipes.separation.audio import RATE, Samples, read, trimmed
from surefoot.recipes.separation.corpus import Corpus, Pairs

LEVEL = 0.05  # root mean square of a voice before its gain; full scale 1
LARGEST_RATIO = 5.0  # dB between the two voices, at most
_SILENT = 0.1  # a segment below this share of its utterance's level is drawn again
_TRIES = 10
_AUDIBLE = 1e-4  # level of a source that can be measured; full scale 1
_TRAINING, _HELD_OUT = 0, 1


class Mixtures:
    """Draws sources from a corpus; a mixture is their sum.

    Args:
        corpus: The voices.
        seed: Of the draws.
        level_jitter: Standard deviation of the mixture's level, dB; 0 for none.
        memory: Decoded sound to keep, bytes; beyond that, files are read at each use.
    """

    def __init__(
        self, corpus: Corpus, *, seed: int = 0, level_jitter: float = 0.0, memory: int = 1 << 30
    ) -> None:
        self.corpus, self.seed, self.level_jitter = corpus, seed, level_jitter
        self._room = memory
        self._kept: dict[Path, Samples] = {}

    def batch(self, step: int, size: int, samples: int) -> NDArray[np.float32]:
        """The sources of one training batch.

        Args:
            step: Which; the same step is the same batch.
            size: Mixtures.
            samples: Length of each.

        Returns:
            Shape (size, 2, samples), float32.
        """
        random = np.random.default_rng((self.seed, _TRAINING, step))
        return np.stack([self._drawn(random, samples, held_out=False) for _ in range(size)])

    def held_out(self, count: int, samples: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Sources of mixtures that training never sees; no jitter of the level.

        Args:
            count: Mixtures.
            samples: Length of each.
            seed: Of these draws; apart from the training's, so that every training is asked the same.

        Returns:
            Shape (count, 2, samples), float32. Of ready pairs, the first `count` as others mixed them.

        Raises:
            SettingError: No ready pair has both voices in that length.
        """
        if isinstance(self.corpus, Pairs):
            return self._as_mixed(self.corpus.held_out, count, samples)
        random = np.random.default_rng((seed, _HELD_OUT))
        return np.stack([self._drawn(random, samples, held_out=True) for _ in range(count)])

    def _as_mixed(self, pairs: Sequence[tuple[Path, Path]], count: int, samples: int) -> NDArray[np.float32]:
        """The beginnings of ready pairs, without those where one is silent: they have no ratio to measure."""
        found: list[NDArray[np.float32]] = []
        for pair in pairs:
            sounds = np.stack([_fitted(self._sound(path, trim=False), samples) for path in pair])
            if min(_level(sound) for sound in sounds) > _AUDIBLE:
                found.append(sounds)
            if len(found) == count:
                break
        if not found:
            raise SettingError(
                f"None of the {len(pairs)} held-out pairs has both voices in its first {samples / RATE:g} s; "
                "test_seconds must be larger."
            )
        return np.stack([found[index % len(found)] for index in range(count)])

    def _drawn(self, random: np.random.Generator, samples: int, *, held_out: bool) -> NDArray[np.float32]:
        if isinstance(self.corpus, Pairs):
            pair = self.corpus.training[random.integers(len(self.corpus.training))]
            sounds = [self._segment(random, [path], samples) for path in pair]
        else:
            voices = self.corpus.held_out if held_out else self.corpus.training
            names = random.permutation(sorted(voices))[:2]
            sounds = [self._segment(random, voices[name], samples) for name in names]
        ratio = random.uniform(0, LARGEST_RATIO)
        whole = 0.0 if held_out else self.level_jitter * random.standard_normal()
        gains = 10 ** ((whole + np.array([ratio / 2, -ratio / 2])) / 20)
        return np.stack([sound * gain for sound, gain in zip(sounds, gains, strict=True)]).astype(np.float32)

    def _segment(self, random: np.random.Generator, paths: Sequence[Path], samples: int) -> Samples:
        """A stretch with speech in it, at the level that all voices have."""
        loudest, best = -1.0, np.zeros(samples, np.float32)
        for _ in range(_TRIES):
            sound = self._sound(paths[int(random.integers(len(paths)))])
            while 0 < len(sound) < samples:  # short ones are said one after the other
                sound = np.concatenate([sound, self._sound(paths[int(random.integers(len(paths)))])])
            if len(sound) == 0:
                continue
            start = int(random.integers(len(sound) - samples + 1))
            part = sound[start : start + samples]
            level, usual = _level(part), _level(sound)
            if level > loudest:
                loudest, best = level, part * (LEVEL / usual)
            if level >= _SILENT * usual:
                return part * np.float32(LEVEL / usual)
        return best

    def _sound(self, path: Path, trim: bool = True) -> Samples:
        sound = self._kept.get(path)
        if sound is None:
            sound = trimmed(read(path)) if trim else read(path)
            if sound.nbytes <= self._room:
                self._room -= sound.nbytes
                self._kept[path] = sound
        return sound


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64))) or 1e-12


def _fitted(samples: Samples, length: int) -> Samples:
    """Cut, or followed by silence, to a length."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def samples_of(frames: int, hop: int) -> int:
    """Samples whose centred transform has so many frames.

    Example:
        >>> samples_of(64, 64) / 8000
        0.504
    """
    return (frames - 1) * hop
