"""`surefoot run` and `surefoot check`: a script under observation, then the verdict."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot import rules
from surefoot.capture import own_imports
from surefoot.capture.children import child
from surefoot.capture.children.parent import inviting
from surefoot.capture.imports import after_import
from surefoot.capture.script import Outcome, Prepared, execute, prepare
from surefoot.capture.tracebacks import clean
from surefoot.cli import LOADED_BEFORE
from surefoot.cli.configuration import all_ignored
from surefoot.cli.on_finding import STOPPED, OnFinding, check_actions
from surefoot.cli.output import is_terminal, one_line, say, show, show_rich, stderr, write, write_file
from surefoot.cli.places import check_file, check_new_run
from surefoot.cli.progress import ProgressLine
from surefoot.cli.settings import RunSettings
from surefoot.errors import OutputError, SettingError, StoreError, SurefootError
from surefoot.interrupts import pass_on
from surefoot.records import History, Run
from surefoot.report.verdict import judge
from surefoot.store.groups import runs_in
from surefoot.store.process import children_seconds
from surefoot.store.reader import open_run

if TYPE_CHECKING:
    from surefoot.capture.observation import Observation
    from surefoot.facts import Fact
    from surefoot.records import Finding, Verdict

Render = Callable[[History, tuple["Finding", ...]], str]

HEALTHY, FOUND, COULD_NOT_RUN = 0, 1, 2
_OTHERS_AT_WORK = 1.0  # seconds: to import torch takes as long, and nothing trains without it


def run_script(settings: RunSettings) -> int:
    """Run the script and show what was seen.

    Returns:
        The script's exit code, or the verdict's for `check`.

    Raises:
        BaseException: The script's own, its traceback free of surefoot's frames, for Python to show and to end with.
    """
    try:
        _validate(settings)
        settings = replace(settings, ignore=all_ignored(settings.ignore))
        prepared = _prepared(settings)
    except SurefootError as error:
        say(str(error))
        return COULD_NOT_RUN
    except SyntaxError as error:
        return _syntax_error(error, settings)
    session = _Session(settings, prepared)
    outcome = session.run()
    return session.end(outcome)


def _validate(settings: RunSettings) -> None:
    if settings.target is None:
        command = "check" if settings.check else "run"
        raise SettingError(
            f"no script was named: surefoot {command} SCRIPT, or surefoot {command} -m MODULE."
        )
    if settings.autoclip is not None and settings.max_norm is not None:
        raise SettingError("--autoclip and --max-norm are two ways to clip: choose one.")
    if settings.max_norm is not None and not 0 < settings.max_norm < math.inf:
        raise SettingError(f"--max-norm {settings.max_norm:g} must be greater than 0, and finite.")
    if settings.autoclip is not None and not 0 <= settings.autoclip <= 100:
        raise SettingError(f"--autoclip {settings.autoclip:g} is no percentile: give 0 to 100.")
    check_actions(settings.on_finding)
    check_new_run(settings.name, settings.runs)
    check_file("--report", settings.report)
    check_file("--json", settings.json)


def _prepared(settings: RunSettings) -> Prepared:
    assert settings.target is not None
    return prepare(settings.target)


def _syntax_error(error: SyntaxError, settings: RunSettings) -> int:
    where = f"{error.filename or 'the script'}, line {error.lineno}"
    if settings.check:
        say(f"{where} is not valid Python: {error.msg}; nothing was run.")
        return COULD_NOT_RUN
    # As Python shows it, and ends.
    sys.excepthook(SyntaxError, error.with_traceback(None), None)
    if not settings.quiet:
        say(f"{where} is not valid Python: {error.msg}; nothing was run.")
    return 1


class _Session:
    """One observed script: from its import of torch to its verdict."""

    def __init__(self, settings: RunSettings, prepared: Prepared) -> None:
        self._settings = settings
        self._prepared = prepared
        self._observation: Observation | None = None
        self._progress = ProgressLine(stderr())
        self._told: set[str] = set()
        self._loud = not settings.quiet and os.environ.get("RANK", "0") in ("", "0")
        self._unobserved = False
        self._on_finding = OnFinding(settings.on_finding, self._stop, say)
        self._inviting = inviting(
            Path(settings.runs),
            settings.name,
            prepared.filename,
            every=settings.every,
            thorough=settings.check,
            limit=settings.steps,
            autoclip=settings.autoclip,
            max_norm=settings.max_norm,
            ignore=settings.ignore,
        )

    def run(self) -> Outcome:
        """Run the script; observation begins when it imports torch."""
        launched = 0 if getattr(sys.flags, "safe_path", False) else 1  # the launcher's own entry
        own_imports.begin(self._prepared.path_entry, sys.path[launched:], LOADED_BEFORE)
        self._inviting.begin()
        give_up = after_import("torch", self._torch_imported)
        try:
            return execute(self._prepared)
        finally:
            give_up()

    def _torch_imported(self) -> None:
        self._observe() if self._inviting.here else child.torch_imported()

    def _observe(self) -> None:
        try:
            with own_imports.own_imports():
                self._begin()
        except Exception as error:  # the script must run whatever happens to us
            pass_on(error)
            self._unobserved = True
            why = str(error) if isinstance(error, SurefootError) else f"{type(error).__name__}: {error}"
            say(f"observation could not begin, the script runs unobserved: {why}")

    def _begin(self) -> None:
        from surefoot.capture import observation

        settings = self._settings
        target = settings.target
        assert target is not None
        run = observation.begin_run(self._prepared.filename, target.arguments, self._prepared.source)
        draws = self._loud and self._progress.wanted
        watched = observation.Observation(
            run,
            runs=_absolute(settings.runs),
            name=settings.name,
            every=settings.every,
            thorough=settings.check,
            limit=settings.steps,
            make_clipper=self._inviting.invitation.make_clipper,
            ignore=settings.ignore,
            warn=say if self._loud else lambda sentence: None,
            tell=self._tell if self._loud or settings.on_finding else None,
            draw=self._progress.draw if draws else None,
        )
        self._observation = watched
        watched.begin()
        self._inviting.observed(watched)

    def _stop(self) -> None:
        if self._observation is not None:
            self._observation.observer.end_soon()

    def _act(self, findings: Sequence[Finding], *, ended: bool = False) -> None:
        if self._settings.on_finding and self._observation is not None and findings:
            notify = os.environ.get("RANK", "0") in ("", "0")
            self._on_finding.told(findings, self._observation.history(), notify=notify, ended=ended)

    def _tell(self, findings: tuple[Finding, ...]) -> None:
        from surefoot.report.text import finding_line

        self._act(findings)
        if not self._loud:
            return
        self._progress.told(findings)
        for finding in findings:
            if finding.code not in self._told and finding.severity != "information":
                self._told.add(finding.code)
                self._progress.line(one_line(finding_line(finding)))

    def end(self, outcome: Outcome) -> int:
        """Close the run, show the verdict, and hand on what the script raised."""
        if outcome.status == "stopped" and self._on_finding.stops is not None:
            outcome = replace(outcome, exit_code=STOPPED)
        error = outcome.error
        if not self._inviting.here:
            child.end(outcome.status, outcome.exit_code, outcome.described)
        else:
            with own_imports.own_imports():
                verdict = self._closed(outcome)
            if self._settings.check:
                return self._check_code(outcome, verdict)
        if error is not None:
            self._hand_on(error)
        return outcome.exit_code

    def _closed(self, outcome: Outcome) -> Verdict | None:
        """Close the run; whatever fails costs one sentence, never the script's exit code."""
        try:
            return self._close(outcome)
        except (Exception, SystemExit) as error:
            say(f"the run could not be brought to its end: {type(error).__name__}: {error}")
            return None

    def _close(self, outcome: Outcome) -> Verdict:
        child.leave()
        observation = self._observation
        if observation is None:
            others = self._others()
            if others is not None:
                return self._shown(others)
            if not self._unobserved and (outcome.error is None or self._settings.check):
                self._nothing("torch was never imported")
            return self._written(self._bare(outcome), ())
        observation.close(outcome.status, outcome.exit_code, outcome.described)
        self._progress.erase()
        history = observation.history()
        if history is None:
            return self._written(self._bare(outcome, tuple(observation.recorder.stopped())), ())
        findings = observation.findings
        self._act(findings, ended=True)
        if judge(history, findings).extent == "nothing trained":
            _discard(observation)
            others = self._others()
            if others is not None:
                return self._shown(others)
            self._nothing(_no_backward())
            return self._written(self._bare(outcome), ())
        return self._shown(self._others() or history, findings)

    def _others(self) -> History | None:
        """The training with all its processes, if others than this one trained."""
        folder = self._inviting.folder
        if folder is None or not runs_in(folder):
            return None
        with open_run(folder) as reader:
            return reader.history()

    def _shown(self, history: History, findings: tuple[Finding, ...] | None = None) -> Verdict:
        if findings is None or history.others:
            findings = rules.diagnose(history, ignore=self._settings.ignore)
            if self._settings.on_finding and findings:
                self._on_finding.told(findings, history, notify=True, ended=True)
        found = findings
        self._guarded("the verdict could not be shown", lambda: self._show(history, found))
        self._on_finding.wait()
        return self._written(history, found)

    def _bare(self, outcome: Outcome, facts: tuple[Fact, ...] = ()) -> History:
        """What is known of a training of which nothing was recorded."""
        prepared, ended = self._prepared, outcome
        run = Run(
            path="",
            name="",
            script=prepared.filename,
            argv=tuple(prepared.argv[1:]),
            status=ended.status,
            exit_code=ended.exit_code,
            error=ended.described,
            source=prepared.source,
        )
        return History(run, all_facts=facts)

    def _nothing(self, why: str) -> None:
        if self._loud:
            name = self._settings.target.name if self._settings.target else "the script"
            say(f"{name} trained nothing: {why}; is this the script that trains, and with these arguments?")

    def _show(self, history: History, findings: tuple[Finding, ...]) -> None:
        if self._settings.check and self._settings.format == "github":
            from surefoot.report.github import annotations

            self._annotate("\n".join(annotations(history, findings)))
        if not self._loud:
            return
        if is_terminal():
            from surefoot.report.terminal import verdict_view

            show_rich(verdict_view(history, findings), on_stderr=True)
        else:
            from surefoot.report.text import verdict_text

            write(f"{verdict_text(history, findings)}\n")

    def _annotate(self, text: str) -> None:
        try:
            show(text)
        except OutputError as error:
            say(str(error))

    def _written(self, history: History, findings: tuple[Finding, ...]) -> Verdict:
        self._write_files(history, findings)
        return judge(history, findings)

    def _write_files(self, history: History, findings: tuple[Finding, ...]) -> None:
        settings = self._settings
        for path, render in ((settings.json, _as_json), (settings.report, _as_page)):
            if path is None:
                continue
            self._guarded(
                f"{path} could not be written", partial(self._write, path, render, history, findings)
            )

    def _write(self, path: str, render: Render, history: History, findings: tuple[Finding, ...]) -> None:
        write_file(path, render(history, findings))

    def _guarded(self, what: str, show: Callable[[], None]) -> None:
        """Show something; where that fails the rest is shown all the same."""
        try:
            show()
        except OutputError as error:
            say(str(error))
        except (Exception, SystemExit) as error:
            say(f"{what}: {type(error).__name__}: {error}")

    def _check_code(self, outcome: Outcome, verdict: Verdict | None) -> int:
        error = outcome.error
        if error is not None and not isinstance(error, SystemExit):
            clean(error)
            if isinstance(error, KeyboardInterrupt):
                self._hand_on(error)
            sys.excepthook(type(error), error, error.__traceback__)
        if verdict is None:
            return COULD_NOT_RUN
        if verdict.word == "healthy":
            return HEALTHY
        if verdict.word != "unknown":
            return FOUND
        if outcome.status == "failed":
            why = outcome.described or f"exit code {outcome.exit_code}"
            say(f"the script failed before a verdict was possible: {why}.")
        return COULD_NOT_RUN

    def _hand_on(self, error: BaseException) -> None:
        """Raise the script's exception to Python, which shows it by the script's hook and ends as always."""
        clean(error)
        kept = error.__traceback__
        hook = sys.excepthook

        def show(kind: type[BaseException], value: BaseException, trace: Any) -> None:
            if value is error:
                value.__traceback__ = trace = kept
            hook(kind, value, trace)

        sys.excepthook = show
        raise error


def _absolute(runs: str) -> Path:
    """Where runs lie, wherever the script changes to."""
    try:
        return Path(runs).resolve()
    except OSError:
        raise StoreError(
            "the working folder is gone, so nothing can be recorded in it; give --runs a path from the root."
        ) from None


def _no_backward() -> str:
    """Why no backward pass was seen, as far as it can be told."""
    seconds = children_seconds()
    if seconds < _OTHERS_AT_WORK:
        return "no backward pass was seen"
    return (
        f"no backward pass was seen here, nor in the processes that it started ({seconds:.0f} s); those that "
        "are started with -E, -I or an environment of their own are not observed"
    )


def _as_json(history: History, findings: Sequence[Finding]) -> str:
    from surefoot.report.json import dumps

    return dumps(history, findings)


def _as_page(history: History, findings: Sequence[Finding]) -> str:
    from surefoot.report.html import render

    return render(history, findings)


def _discard(observation: Observation) -> None:
    """Take back the folder of a run in which nothing happened."""
    from surefoot.store.writer import remove_run

    path = observation.path
    if path is not None:
        remove_run(path)
        try:
            path.parent.rmdir()  # only where it is empty
        except OSError:
            pass
