"""Where the voices are: folders of one speaker each, or ready sets of mixtures with their sources.

Two layouts. *Speakers*: a folder below the root for each speaker, with sound files at any depth (Asterisk's
prompts, LibriSpeech's subsets, VCTK). *Pairs*: a folder for each split with `s1/` and `s2/` in it, the same
file names in both (WSJ0-2mix: tr, cv, tt; Libri2Mix: train-100, train-360, dev, test).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surefoot.errors import SettingError
from surefoot.recipes.separation.audio import SUFFIXES, seconds_of

PROMPTS = Path("/usr/share/asterisk/sounds")  # where Debian's asterisk-core-sounds-*-wav put their voices
HELD_OUT_EVERY = 8  # one utterance in so many is kept for the evaluation

# Of Asterisk's sounds: what is no speech.
_NO_SPEECH = re.compile(
    r"(beep|beeperr|ascending-2tone|descending-2tone|tt-monkeys|confbridge-(join|leave))$"
)
_PROMPT_FOLDER = re.compile(r"[a-z]{2}_[A-Z]{2}_[fm]_(?P<speaker>\w+)$")
_TRAINING = re.compile(r"(tr|train)([-_].*)?$")
_HELD_OUT = (re.compile(r"(tt|test)([-_].*)?$"), re.compile(r"(cv|dev|valid|validation)([-_].*)?$"))


@dataclass(frozen=True)
class Speakers:
    """Utterances by speaker.

    Args:
        training: Speaker -> files to train on.
        held_out: Speaker -> files that training never sees.
    """

    training: Mapping[str, tuple[Path, ...]]
    held_out: Mapping[str, tuple[Path, ...]]

    @property
    def digest(self) -> str:
        """Tells corpora apart, by speakers, file names and sizes; the same wherever the folder lies."""
        parts = [
            [name, path.name, path.stat().st_size]
            for split in (self.training, self.held_out)
            for name in sorted(split)
            for path in split[name]
        ]
        return _digest(parts)

    @property
    def description(self) -> str:
        """How many of what, in a few words."""
        heard = sum(len(found) for found in self.training.values())
        kept = sum(len(found) for found in self.held_out.values())
        return f"{', '.join(sorted(self.training))}: {heard} utterances to train on, {kept} held out"


@dataclass(frozen=True)
class Pairs:
    """Sources of mixtures that were composed by others.

    Args:
        training: The two sources of each mixture.
        held_out: Likewise, of the set's test (or validation) split.
    """

    training: tuple[tuple[Path, Path], ...]
    held_out: tuple[tuple[Path, Path], ...]

    @property
    def digest(self) -> str:
        """Tells corpora apart, by file names and sizes; the same wherever the folder lies."""
        pairs = (*self.training, *self.held_out)
        return _digest([[path.name, path.stat().st_size] for pair in pairs for path in pair])

    @property
    def description(self) -> str:
        """How many of what, in a few words."""
        return f"{len(self.training)} pairs to train on, {len(self.held_out)} held out"


Corpus = Speakers | Pairs


def find_corpus(root: Path | None = None, *, speakers: Sequence[str] = (), shortest: float = 0.8) -> Corpus:
    """What a folder holds, whichever layout it has.

    Args:
        root: The folder; None for the prompts that Debian packages install.
        speakers: Only these, by name; all where none is given. For the layout of folders only.
        shortest: Shorter utterances are left out, seconds.

    Returns:
        Speakers or Pairs, in a fixed order.

    Raises:
        SettingError: No folder, no speech in it, a single speaker, an unknown speaker, several sets.
        MissingExtra: soundfile is not installed.
    """
    if root is None:
        if not PROMPTS.is_dir():
            raise SettingError(
                "There is no recorded speech here: give a folder with one subfolder of WAV, FLAC or OGG files per "
                "speaker by --data, or install two voices with: apt-get install asterisk-core-sounds-en-wav "
                "asterisk-core-sounds-it-wav"
            )
        root = PROMPTS
    if not root.is_dir():
        raise SettingError(f"There is no folder {root}; give the folder of the voices by --data.")
    splits = sorted(
        path.parent for path in _folders(root, depth=5) if path.name == "s1" and _is_split(path.parent)
    )
    return _pairs(root, splits) if splits else _speakers(root, speakers, shortest)


def _digest(parts: Sequence[Sequence[object]]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _folders(root: Path, depth: int) -> list[Path]:
    """All folders below, not deeper than so many levels; links are followed."""
    below = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return below + [
        inner
        for path in below
        if depth > 1 and path.name not in ("s1", "s2")
        for inner in _folders(path, depth - 1)
    ]


def _is_split(folder: Path) -> bool:
    return (folder / "s2").is_dir()


def _pairs(root: Path, splits: Sequence[Path]) -> Pairs:
    sets = sorted({split.parent for split in splits})
    if len(sets) > 1:
        raise SettingError(
            f"{root} holds {len(sets)} sets of mixtures; give one of them by --data, for example {sets[0]}"
        )
    training = [split for split in splits if _TRAINING.match(split.name)]
    held_out = next(
        (
            found
            for pattern in _HELD_OUT
            if (found := [split for split in splits if pattern.match(split.name)])
        ),
        [],
    )
    if not training or not held_out:
        names = ", ".join(split.name for split in splits)
        raise SettingError(
            f"{sets[0]} has the splits {names}; it needs one to train on (tr, train-…) and one to test on "
            "(tt, test, cv, dev)."
        )
    return Pairs(_sources(training), _sources(held_out))


def _sources(splits: Sequence[Path]) -> tuple[tuple[Path, Path], ...]:
    found: list[tuple[Path, Path]] = []
    for split in splits:
        for first in _files(split / "s1"):
            second = split / "s2" / first.relative_to(split / "s1")
            if not second.is_file():
                raise SettingError(f"{first} has no partner {second}; complete or remove the pair.")
            found.append((first, second))
    if not found:
        raise SettingError(
            f"{splits[0] / 's1'} holds no WAV, FLAC or OGG file; point --data at a complete set."
        )
    return tuple(found)


def _speakers(root: Path, wanted: Sequence[str], shortest: float) -> Speakers:
    files: dict[str, list[Path]] = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if folder.is_symlink() and folder.resolve().parent == root.resolve():
            continue  # a second name of a folder that is here anyway
        prompts = _PROMPT_FOLDER.match(folder.name)
        # One person speaks several of Asterisk's languages.
        name = prompts["speaker"] if prompts else folder.name
        found = [
            path
            for path in _files(folder)
            if not _NO_SPEECH.match(path.stem) and path.parent.name != "silence"
        ]
        files.setdefault(name, []).extend(found)
    files = {name: found for name, found in files.items() if found}
    for name in wanted:
        if name not in files:
            raise SettingError(
                f"{root} has no speaker {name!r}; it has {', '.join(sorted(files)) or 'none'}."
            )
    chosen = {name: files[name] for name in (wanted or sorted(files))}
    if len(chosen) < 2:
        raise SettingError(
            f"{root} holds speech of {len(chosen)} speaker{'s' * (len(chosen) != 1)}; a mixture needs two: put each "
            "speaker's WAV, FLAC or OGG files into a subfolder of their own."
        )
    training, held_out = {}, {}
    for name, found in chosen.items():
        long = [path for path in found if seconds_of(path) >= shortest]
        if len(long) < 2:
            raise SettingError(
                f"The speaker {name!r} in {root} has {len(long)} utterance{'s' * (len(long) != 1)} of "
                f"{shortest:g} s or more; "
                "two are the least: one to train on, one to test on."
            )
        held_out[name] = tuple(long[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]) or (long[-1],)
        training[name] = tuple(path for path in long if path not in held_out[name])
    return Speakers(training, held_out)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
