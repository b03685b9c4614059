"""Trainings of one script at work: with fixes, from a seed, so many at a time."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from surefoot.capture.script import Target
from surefoot.errors import SettingError
from surefoot.experiment.seen import Seen, read
from surefoot.remedies.base import Proposal
from surefoot.remedies.catalogue import BY_NAME
from surefoot.search import results
from surefoot.search.member import Work
from surefoot.search.pool import Pool, cores

_NOT_COPIED = (".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", "*.pyc")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One training.

    Args:
        fixes: At work in it.
        seed: Number of its seed; 0 is the script's own.
        measured: Fixes whose form of the loss is measured only.
    """

    fixes: tuple[Proposal, ...] = ()
    seed: int = 0
    measured: tuple[Proposal, ...] = ()


class Trainings:
    """Runs trainings of a script; a context manager that ends those still at work.

    Args:
        target: The script.
        folder: Of their runs and logs.
        steps: Of each.
        isolated: Each runs in a copy of the working folder.
        jobs: At once; None: one a processor.
        pool: That starts them; by default its own.
    """

    def __init__(
        self,
        target: Target,
        folder: Path,
        steps: int,
        isolated: bool,
        jobs: int | None = None,
        pool: Pool | None = None,
    ) -> None:
        self._target = target
        self._folder = folder
        self._steps = steps
        self._isolated = isolated
        self._jobs = jobs or cores()
        self._pool = pool or Pool(max(1, cores() // self._jobs))
        self._count = 0

    @property
    def files(self) -> list[str]:
        """What the first training wrote, beside the runs."""
        try:
            return (self._folder / "files.txt").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def run(self, wanted: Sequence[Wanted]) -> list[Seen]:
        """Run some, and read them back in their order."""
        works = [self._work(each) for each in wanted]
        waiting, working = list(works), set[str]()
        codes: dict[str, int] = {}
        while waiting or working:
            while waiting and len(working) < self._jobs:
                work = waiting.pop(0)
                working.add(work.name)
                self._pool.start(work)
            said = self._pool.event()
            if "ended" in said:
                working.discard(said["ended"])
                codes[said["ended"]] = said["code"]
        return [self._read(each, work, codes) for each, work in zip(wanted, works, strict=True)]

    def _work(self, wanted: Wanted) -> Work:
        name = f"{self._count:02d}" + "".join(f"-{fix.remedy}" for fix in wanted.fixes)[:80]
        name += f"-seed{wanted.seed}" if wanted.seed else ""
        first, self._count = not self._count, self._count + 1
        script, inside = self._place(name)
        return Work(
            script,
            self._target.arguments,
            self._target.is_module,
            {},
            wanted.seed,
            name,
            str(self._folder),
            self._steps,
            max(1, cores() // self._jobs),
            remedies=[{"remedy": fix.remedy, **fix.details} for fix in wanted.fixes],
            measured=[{"remedy": fix.remedy, **fix.details} for fix in wanted.measured],
            thorough=True,
            noted=str(self._folder / "files.txt") if first else None,
            inside=inside,
        )

    def _place(self, name: str) -> tuple[str, str | None]:
        """The script's path and the folder that it runs in."""
        if not self._isolated:
            return self._target.name, None
        here, copy = Path.cwd(), self._folder / "copies" / name
        inside = [part.relative_to(here).parts[0] for part in (self._folder,) if part.is_relative_to(here)]
        try:
            shutil.copytree(here, copy, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_COPIED, *inside))
        except (OSError, shutil.Error) as error:
            raise SettingError(f"the working folder cannot be copied for --isolated: {error}.") from None
        script = Path(self._target.name)
        if script.is_absolute() and script.is_relative_to(here) and not self._target.is_module:
            return str(script.relative_to(here)), str(copy)
        return self._target.name, str(copy)

    def _read(self, wanted: Wanted, work: Work, codes: dict[str, int]) -> Seen:
        unseen = frozenset(
            code
            for fix in wanted.fixes
            if not BY_NAME[fix.remedy].seen
            for code in BY_NAME[fix.remedy].answers
        )
        kept = results.read(work.result)
        why = kept[1].why if kept is not None else f"its process died (code {codes.get(work.name)})"
        if work.inside is not None:
            shutil.rmtree(work.inside, ignore_errors=True)
        return read(wanted.fixes, self._folder / work.name, unseen, why)

    def __enter__(self) -> Trainings:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.__exit__(kind, error, trace)
