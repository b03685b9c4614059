"""One observed training from begin to end: `sf.watch(…)` in a program, or the script runner's."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot import rules
from surefoot.capture.attach import Attachment
from surefoot.capture.environment import command_line, environment, seeds
from surefoot.capture.monitor import Monitor
from surefoot.capture.observer import Observer
from surefoot.capture.recorder import Recorder, warn_on_stderr
from surefoot.capture.rows import Latest
from surefoot.capture.steps import ClipperFactory
from surefoot.capture.unrecorded import Unrecorded
from surefoot.clipping import Clipper
from surefoot.clipping.chosen import chosen
from surefoot.errors import SettingError, StoreError
from surefoot.facts import Recording
from surefoot.interrupts import pass_on
from surefoot.records import Finding, Findings, History, Run, Status, Verdict
from surefoot.report.verdict import judge
from surefoot.store.folders import DEFAULT_RUNS
from surefoot.store.reader import open_run

_current: Observation | None = None


class Observation:
    """A training under observation.

    Attributes:
        path: The run's folder; None where nothing could be recorded.
        findings: What is wrong so far, the main finding first.
    """

    def __init__(
        self,
        run: Run,
        *,
        runs: Path,
        name: str | None = None,
        every: int | None = None,
        thorough: bool = False,
        limit: int | None = None,
        make_clipper: ClipperFactory | None = None,
        only: set[int] | None = None,
        models: Sequence[nn.Module] = (),
        ignore: Iterable[str] = (),
        warn: Callable[[str], None] = warn_on_stderr,
        tell: Callable[[tuple[Finding, ...]], None] | None = None,
        draw: Callable[[Observation], None] | None = None,
        late: Callable[[Run], tuple[Path, Run, str]] | None = None,
    ) -> None:
        self._ignore = tuple(ignore)
        self._environment = dict(run.environment)
        self._clippers: list[Clipper] = []
        self._closed = False
        self._ended: dict[str, Any] | None = None  # how, as fields of the run
        self._final: tuple[Finding, ...] | None = None
        self.recorder = Recorder(runs, warn)
        if late is None:
            self.recorder.begin(run, name)
        else:
            self.recorder.begin_late(lambda: self._known_late(late(run)))
        self.observer = Observer(
            self.recorder,
            every=every,
            thorough=thorough,
            limit=limit,
            make_clipper=make_clipper,
            only=only,
            models=models,
        )
        self.attachment = Attachment(self.observer)
        self.recorder.on_failed = self._recording_stopped
        self._asked = limit, make_clipper
        self._unrecorded: Unrecorded | None = None
        self._monitor = Monitor(
            self.recorder,
            diagnose=self.diagnose if tell is not None else None,
            tell=tell,
            draw=(lambda: draw(self)) if draw is not None else None,
        )

    def _known_late(self, made: tuple[Path, Run, str]) -> tuple[Path, Run, str]:
        self._environment = dict(made[1].environment)
        return made

    def begin(self) -> None:
        """Attach the hooks and start the thread."""
        global _current
        _current = self
        if self.recorder.failed:
            self.observer.let_go()
            self._go_on_unrecorded()
            return
        self.attachment.attach()
        self._monitor.start()

    def _recording_stopped(self) -> None:
        """From any thread, in the midst of an event or outside."""
        self.attachment.stop()
        self._go_on_unrecorded()

    def _go_on_unrecorded(self) -> None:
        seen = self.observer
        if not self._closed:
            self._unrecorded = Unrecorded(seen.threads, seen.guard, *seen.counted(), *self._asked)
            self._unrecorded.begin()

    # -- what a user asks

    @property
    def path(self) -> Path | None:
        """The run's folder."""
        return self.recorder.path

    @property
    def latest(self) -> Latest:
        """The last numbers that reached the host."""
        return self.recorder.latest

    @property
    def steps(self) -> int:
        """Optimizer steps so far."""
        return self.observer.counts.steps

    @property
    def findings(self) -> Findings:
        """What is wrong so far, the main finding first."""
        if self._final is not None or self._closed:
            return Findings(self._final or ())
        self.recorder.flush(facts=True)
        return Findings(self.diagnose())

    def __repr__(self) -> str:
        name = "nothing recorded" if self.path is None else f"run {self.path.name}"
        state = "closed" if self._closed else "under way"
        return f"<observation: {name}, {self.steps:,} steps, {state}>"

    @property
    def verdict(self) -> Verdict:
        """Whether the training is healthy so far, and how much of it that is judged by."""
        history = self.history()
        if history is None:
            reason = self.recorder.reason or "its run cannot be read"
            return Verdict("unknown", "recording stopped", 0, f"nothing was recorded: {reason}", reason)
        return judge(history, self.findings)

    def diagnose(self) -> tuple[Finding, ...]:
        """Judge what has been written so far."""
        history = self.history()
        return rules.diagnose(history, ignore=self._ignore) if history is not None else ()

    def history(self) -> History | None:
        """All that was recorded; None where nothing could be."""
        if self.path is None:
            return None
        try:
            with open_run(self.path) as reader:
                return self._as_known(reader.history(alone=True))
        except StoreError:
            return None

    def _as_known(self, history: History) -> History:
        """With what this process knows and a file that can't be written any more lacks."""
        run = history.run if self._ended is None else replace(history.run, **self._ended)
        facts = (
            history.all_facts if history.fact(Recording) else (*history.all_facts, *self.recorder.stopped())
        )
        return replace(history, run=run, all_facts=facts)

    def frame(self, library: str = "pandas") -> Any:
        """All that was recorded of each step, and all metrics, as a data frame; see `surefoot.frame`.

        Args:
            library: "pandas" or "polars".
        """
        from surefoot.export import frame

        if not self._closed:
            self.recorder.flush(facts=True)
        return frame(self, library)

    def log(self, **metrics: float | Tensor) -> None:
        """Record scalars at the present step.

        Args:
            metrics: Numbers by name, for example val_loss=0.3; tensors of one entry wait on their device for the next
                flush.
        """
        step = self.observer.counts.steps
        if not self.recorder.failed:
            self.observer.training.losses.validation.logged.update(metrics)
        for name, value in metrics.items():
            if isinstance(value, Tensor):
                if value.numel() != 1:
                    raise SettingError(
                        f"log({name}=…) takes a single number, this tensor has {value.numel()}: log its mean."
                    )
                self.recorder.metric(name, step, value.detach().reshape(()).clone())
            else:
                self.recorder.metric(name, step, float(value))

    def report(self, path: str | Path) -> Path:
        """Write the self-contained HTML report.

        Args:
            path: The file to write.

        Returns:
            The same path.
        """
        from surefoot.report.html import render

        if not self._closed:
            self.recorder.flush(facts=True)
        history = self.history()
        if history is None:
            raise StoreError("there is no report: nothing of this training could be recorded.")
        target = Path(path)
        target.write_text(render(history, self.findings), encoding="utf-8")
        return target

    def close(self, status: Status = "finished", exit_code: int | None = 0, error: str | None = None) -> None:
        """End the observation: take every hook back, write what is left, judge the whole."""
        global _current
        if self._closed:
            return
        self._closed = True
        _current = None if _current is self else _current
        atexit.unregister(self.close)
        self.attachment.detach()
        if self._unrecorded is not None:
            self._unrecorded.end()
        self._monitor.stop()
        if not self.recorder.failed:
            self.observer.guard.run("core", self.observer.close)
        self._safely(lambda: self.recorder.update(environment={**self._environment, "seeds": seeds()}))
        self.recorder.flush(facts=True)
        # Some findings are sure at the end only: judge the run as it will stand, and keep that with it.
        self._ended = {"status": status, "exit_code": exit_code, "error": error}
        self._safely(self._judge_the_whole)
        self._safely(lambda: self.recorder.finish(status, exit_code, error))
        for clipper in self._clippers:
            clipper.detach()

    def _safely(self, end: Callable[[], None]) -> None:
        """The training has ended; whatever its closing stumbles over costs a sentence."""
        try:
            end()
        except (Exception, SystemExit) as error:
            pass_on(error)
            self.recorder.warn(f"the run could not be closed as it should: {type(error).__name__}: {error}")

    def _judge_the_whole(self) -> None:
        ended = self.history()
        if ended is not None:
            self._final = rules.diagnose(ended, ignore=self._ignore)
            self.recorder.findings(self._final)

    def __enter__(self) -> Observation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif isinstance(error, KeyboardInterrupt):
            self.close("interrupted", None)
        else:
            self.close("failed", None, f"{type(error).__name__}: {error}")


def begin_run(script: str, argv: Iterable[str], source: str) -> Run:
    """The run's record as far as it is known at the start."""
    return Run(
        path="",
        name="",
        script=script,
        argv=tuple(argv),
        command=command_line(),
        source=source,
        environment=environment(),
    )


def current() -> Observation | None:
    """The observation under way, if there is one and it is not another thread's."""
    return _current if _current is not None and _current.observer.threads.here() else None


def watch(
    model: nn.Module | Iterable[nn.Module] | None = None,
    optimizer: Optimizer | Iterable[Optimizer] | None = None,
    *,
    clip: Literal["auto"] | float | Clipper | Iterable[Clipper] | None = None,
    name: str | None = None,
    runs: str | Path = DEFAULT_RUNS,
    every: int | None = None,
    ignore: Iterable[str] = (),
) -> Observation:
    """Observe a training from Python, with the loop unchanged.

    Args:
        model: The model or models, for the names of their parameters; found by itself at its first call otherwise.
        optimizer: Observe this optimizer or these alone; by default every one that steps.
        clip: "auto" for AutoClip, a largest norm, or a clipper; for several optimizers one of the first two, or a
            clipper for each. Attached now, detached at the end.
        name: The run's name; by default the script's name and the time.
        runs: Folder of all runs.
        every: Distance in steps between samples of the per-parameter quantities; by default chosen by measured cost.
        ignore: Codes of findings that are not wanted.

    Returns:
        The observation, also a context manager; call its `close` where `with` is not used.

    Raises:
        SettingError: There is a clipper and no optimizer, or their numbers differ.

    Effects: registers hooks until closed; writes a run below `runs`; changes nothing of the training unless `clip` is
        given.

    Example:
        >>> import tempfile, torch
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with watch(model, optimizer, runs=folder) as run:
        ...         for _ in range(3):
        ...             optimizer.zero_grad()
        ...             torch.nn.functional.mse_loss(model(torch.ones(4, 2)), torch.zeros(4, 1)).backward()
        ...             optimizer.step()
        ...     run.steps
        3
    """
    if every is not None and every < 1:
        raise SettingError(f"every={every} is no distance in steps: give 1 or more.")
    models = _listed(model, nn.Module, "model")
    optimizers = _listed(optimizer, Optimizer, "optimizer")
    if isinstance(clip, str | int | float):
        clippers = [chosen(clip) for _ in optimizers] or [chosen(clip)]
    else:
        clippers = _listed(clip, Clipper, "clip")
    if clippers and len(clippers) != len(optimizers):
        raise SettingError(
            f"{len(clippers)} clippers for {len(optimizers)} optimizers: give each optimizer that is to be "
            "clipped its own."
        )
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None) or "interactive"
    run = begin_run(script, sys.argv[1:], source_of(script))
    observation = Observation(
        run,
        runs=Path(runs),
        name=name,
        every=every,
        only={id(o) for o in optimizers} or None,
        models=models,
        ignore=ignore,
    )
    if not (models or optimizers or threading.current_thread() is threading.main_thread()):
        observation.observer.threads.take()  # a thread that watches itself
    observation.begin()
    if not observation.recorder.failed:
        for each in optimizers:
            observation.observer.adopt(each)
        for module in models:
            observation.observer.training.modules.introduce(module)
    for clipper, each in zip(clippers, optimizers[: len(clippers)], strict=True):
        clipper.attach(each)
        observation._clippers.append(clipper)
    atexit.register(observation.close)
    return observation


def _listed(given: Any, kind: type, name: str) -> list[Any]:
    if given is None:
        return []
    items = list(given) if isinstance(given, Iterable) and not isinstance(given, kind) else [given]
    for item in items:
        if not isinstance(item, kind):
            raise SettingError(f"watch({name}=…) takes {kind.__name__} objects, not {type(item).__name__}.")
    return items


def source_of(script: str) -> str:
    """A script's text; "" where it cannot be read."""
    try:
        return Path(script).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
