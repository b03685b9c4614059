"""One member of a sweep in a process of its own: the script under its setting, observed, its output in its log."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.capture import own_imports
from surefoot.capture.imports import after_import
from surefoot.capture.own_output import to_log
from surefoot.capture.script import Outcome, Prepared, Target, execute, prepare
from surefoot.capture.tracebacks import clean
from surefoot.search.files_written import note_files
from surefoot.search.results import Result, result_of, write
from surefoot.search.settings import DRIVEN, Setting, setting_of

if TYPE_CHECKING:
    from surefoot.capture.observation import Observation
    from surefoot.records import History
    from surefoot.remedies.measure import Measure
    from surefoot.search.driver import Driver
    from surefoot.search.reporting import Reporting

LOGS, RESULTS = "logs", "results"


@dataclass(frozen=True, slots=True)
class Work:
    """What one process is to do.

    Args:
        script: A file, a folder, or a module's dotted name.
        arguments: The script's own.
        is_module: `script` is a module.
        values: The setting, by name.
        seed: Number of its seed.
        name: Of its run.
        folder: Of the sweep.
        steps: To stop after; None: the script's own end.
        threads: That it may use; None: as many as torch likes.
        rungs: Steps at which it reports.
        pipes: Over which it does: one to write to, one to read from.
        remedies: Fixes that are tried: each its name, as "remedy", with its numbers.
        measured: The same of those that only say what a loss would be.
        thorough: Look as closely as a check does.
        noted: File that gets the paths of what it writes; None: it is not noted.
        inside: Folder that it runs in; None: the present one.
    """

    script: str
    arguments: tuple[str, ...]
    is_module: bool
    values: Mapping[str, Any]
    seed: int
    name: str
    folder: str
    steps: int | None = None
    threads: int | None = 1
    rungs: tuple[int, ...] = ()
    pipes: tuple[int, int] | None = None
    remedies: Sequence[Mapping[str, Any]] = ()
    measured: Sequence[Mapping[str, Any]] = ()
    thorough: bool = False
    noted: str | None = None
    inside: str | None = None

    @property
    def log(self) -> Path:
        """What the script writes."""
        return Path(self.folder) / LOGS / f"{self.name}.txt"

    @property
    def result(self) -> Path:
        """What it came to."""
        return Path(self.folder) / RESULTS / f"{self.name}.json"


def work(given: Work, loaded: Collection[str]) -> None:
    """Do it, and leave the result where it is looked for.

    Args:
        given: What to do.
        loaded: Modules that a script finds loaded under Python, too.

    Effects: this process is the script's from now on.
    """
    given.log.parent.mkdir(parents=True, exist_ok=True)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    to_log(given.log)
    os.environ["SUREFOOT_MEMBER"] = given.name
    if given.inside is not None:
        os.chdir(given.inside)
    if given.noted is not None:
        note_files(Path(given.noted), Path(given.folder))
    try:
        result = _Script(given, loaded).run()
    except BaseException as error:
        traceback.print_exc()
        result = Result("failed", why=f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    sys.stderr.flush()
    write(result, given.result, given.values, given.seed)


class _Script:
    """A script under its setting."""

    def __init__(self, given: Work, loaded: Collection[str]) -> None:
        self._given = given
        self._loaded = loaded
        self._setting: Setting = setting_of(given.values)
        self._driver: Driver | None = None
        self._observation: Observation | None = None
        self._reporting: Reporting | None = None
        self._measure: Measure | None = None

    def run(self) -> Result:
        given = self._given
        target = Target(given.script, (*given.arguments, *self._setting.arguments), is_module=given.is_module)
        prepared = prepare(target)
        own_imports.begin(prepared.path_entry, sys.path[1:], self._loaded)
        give_up = after_import("torch", lambda: self._begin(prepared, target))
        try:
            outcome = execute(prepared)
        finally:
            give_up()
        error = outcome.error
        if error is not None and not isinstance(error, SystemExit):
            clean(error)
            sys.excepthook(type(error), error, error.__traceback__)
        with own_imports.own_imports():
            return self._result(outcome)

    def _begin(self, prepared: Prepared, target: Target) -> None:
        with own_imports.own_imports():
            import torch

            from surefoot.capture import observation
            from surefoot.capture.step_hooks import StepListener, listen
            from surefoot.remedies.catalogue import hooks_of
            from surefoot.search.driver import Driver
            from surefoot.search.seeding import seed_everything

            given = self._given
            if given.threads is not None:
                torch.set_num_threads(given.threads)
            seed_everything(given.seed)
            hooks = hooks_of(given.remedies, given.measured)
            hooks.attach_before()
            run = observation.begin_run(prepared.filename, target.arguments, prepared.source)
            watched = self._observation = observation.Observation(
                run,
                runs=Path(given.folder),
                name=given.name,
                limit=given.steps,
                thorough=given.thorough,
                make_clipper=hooks.clipper or _clipper(self._setting.get("clip")),
                warn=lambda sentence: print(f"surefoot: {sentence}", file=sys.stderr),
            )
            hooks.measure.sink = watched.recorder.metric
            self._measure = hooks.measure
            watched.begin()
            hooks.attach_after()
            self._driver = Driver(self._setting)
            listen(StepListener(self._driver.before, self._driver.after))  # after those of the observation
            if given.pipes is not None and given.rungs:
                from surefoot.search.reporting import Reporting, asking

                self._reporting = Reporting(watched, given.rungs, asking(*given.pipes))
                listen(StepListener(lambda optimizer, args, kwargs: None, self._reporting.after))

    def _result(self, outcome: Outcome) -> Result:
        observation, driver = self._observation, self._driver
        name = self._given.script
        if observation is None or driver is None:
            return _refused(f"{name} trained nothing: torch was never imported")
        if self._measure is not None:
            self._measure.end()
        observation.close(outcome.status, outcome.exit_code, outcome.described)
        history = observation.history()
        if history is None:
            return Result("failed", why="nothing of it could be recorded")
        if self._reporting is not None and self._reporting.stopped:
            return result_of(history, "stopped", self._reporting.stopped)
        if driver.trouble is not None:
            return result_of(history, "refused", driver.trouble)
        if outcome.status == "failed":
            return result_of(history, "failed", outcome.described or f"exit code {outcome.exit_code}")
        why = _undrivable(name, history, any(key in DRIVEN for key in self._given.values))
        return _refused(why) if why else result_of(history, "finished")


def _refused(why: str) -> Result:
    """What no other setting will change."""
    return Result("refused", why=why, whole=True)


def _undrivable(name: str, history: History, driven: bool) -> str | None:
    """Why a script that ran to its end shows nothing of its setting."""
    backwards = history.run.backwards
    if not backwards:
        return (
            f"{name} trained nothing: no backward pass was seen; is this the script that trains, and with these "
            "arguments?"
        )
    stepping = [info for info in history.optimizers if len(history.series("time", info.index))]
    by_hand = next((info for info in stepping if info.manual), None)
    if driven and by_hand is not None:
        where = f" ({by_hand.stepped})" if by_hand.stepped else ""
        return (
            f"{name} moves its parameters by hand{where}, so its rate is a variable of its own and can't be driven: "
            "make it an argument, and sweep that: --arg '--lr {0.1,0.01}'"
        )
    if driven and not stepping:
        return (
            f"{name} never steps an optimizer in {backwards:,} backward passes, so there is nothing to set: surefoot "
            "check says why"
        )
    return None


def _clipper(text: str | None) -> Callable[[], Any] | None:
    if text is None or text == "none":
        return None
    from surefoot.clipping import AutoClip, ClipByNorm

    kind, _, percentile = text.partition(":")
    if kind == "autoclip":
        return lambda: AutoClip(float(percentile or 10))
    return lambda: ClipByNorm(float(text))
