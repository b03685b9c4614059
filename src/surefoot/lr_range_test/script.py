"""A range test of an unchanged script: a sweep, the curvature and the trials, each in a process of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from surefoot.capture.script import Prepared, Target, prepare
from surefoot.errors import NothingTrained, ScriptError
from surefoot.facts import RateTrial, SuggestedRate
from surefoot.lr_range_test.command import next_command
from surefoot.lr_range_test.conclusion import Conditions, concluded
from surefoot.lr_range_test.curvature import (
    BATCHES,
    TOO_LONG,
    TopEigenvalue,
    curvature_suggestion,
    no_curvature,
    stable_factor,
    too_long,
)
from surefoot.lr_range_test.keeping import kept
from surefoot.lr_range_test.member import LOG, RESULT, Member, work
from surefoot.lr_range_test.ranges import Spacing, check_range, swept_rates
from surefoot.lr_range_test.rates import Plan
from surefoot.lr_range_test.recommendation import Candidate, candidates, worth_trying
from surefoot.lr_range_test.records import Curve, RangeTest
from surefoot.lr_range_test.suggestions import FEWEST, suggestions
from surefoot.lr_range_test.trials import mean_of, tail
from surefoot.lr_range_test.wording import YOURS, suggested_by
from surefoot.records import Run

A_MINUTE = 60.0  # seconds that trials may take without being asked for
_LAST_LINES = 15  # of a log, where its script failed


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a script's range test; each field is that argument of `find_lr`."""

    first: float = 1e-6
    last: float = 10.0
    steps: int = 100
    spacing: Spacing = "exponential"
    after: int = 0
    confirm: bool | None = None
    confirm_steps: int | None = None
    seed: int = 0


def range_test(
    target: Target,
    settings: Settings,
    runs: Path,
    name: str | None = None,
    *,
    loaded: Collection[str] = (),
    tell: Callable[[str], None] = lambda said: None,
) -> RangeTest:
    """Find a learning rate of a script.

    Args:
        target: The script.
        settings: Of the test.
        runs: Folder of all runs.
        name: Of its run.
        loaded: Modules that a script finds loaded under Python, too.
        tell: Told what is being done.

    Returns:
        The test, kept as a run with the log of each process; by the first process alone, where there are several.

    Raises:
        ScriptError: The script can't be run, failed, or has no rate that can be driven.
        NothingTrained: It trained nothing.
        SettingError: A setting out of range.

    Effects: runs the script several times, up to the steps that are needed, with whatever it writes.
    """
    check_range(settings.first, settings.last, settings.steps, settings.spacing, settings.after)
    prepared = prepare(target)
    with tempfile.TemporaryDirectory(prefix="surefoot-range-") as folder:
        test = _Test(target, settings, Path(folder), loaded, tell)
        found = test.run(prepared)
        if os.environ.get("RANK", "0") not in ("", "0"):
            return found
        run = Run(
            "", "", prepared.filename, tuple(target.arguments), command=_typed(), source=prepared.source
        )
        run = replace(run, environment=test.environment)
        found = kept(found, runs, name, run, **test.optimizer_settings)
        assert found.path is not None
        shutil.copytree(folder, found.path / "logs", ignore=_but_logs)
        return found


class _Test:
    def __init__(
        self,
        target: Target,
        settings: Settings,
        folder: Path,
        loaded: Collection[str],
        tell: Callable[[str], None],
    ) -> None:
        self._target = target
        self._settings = settings
        self._folder = folder
        self._loaded = loaded
        self._tell = tell
        self._processes = 0  # so far
        self._overhead = 0.0  # seconds of a process beside its driven steps
        self._pace = 0.0  # seconds a driven step
        self.same_start = True  # of sweep and trials
        self.environment: dict[str, Any] = {}
        self.optimizer_settings: dict[str, Any] = {}

    def run(self, prepared: Prepared) -> RangeTest:
        settings = self._settings
        seen, curve = self._sweep(settings.steps)
        found, noise = suggestions(curve)
        if seen["opposed"]:
            why = "its optimizers follow losses of their own, as in a GAN: a lower one is no better training"
            found = tuple(SuggestedRate(method=s.method, said=why) for s in found)
        found = (*found, self._curvature(seen))
        chosen = candidates(found, settings.first, settings.last, seen["present"])
        trials = [self._trial(each, seen) for each in chosen] if self._confirmed(found, chosen) else []
        conditions = Conditions(
            optimizer=seen["optimizer"],
            present=seen["present"],
            first=settings.first,
            last=settings.last,
            spacing=settings.spacing,
            after=settings.after,
        )
        test = concluded(curve, found, trials, noise, conditions)
        said = test.found.said
        if not self.same_start:
            said += "; the trials began with other weights than the sweep: seed the script to compare them"
        command = self._command(test, prepared, seen)
        return replace(test, found=replace(test.found, said=said, command=command))

    def _command(self, test: RangeTest, prepared: Prepared, seen: dict[str, Any]) -> str:
        if test.lr is None or test.lr == seen["present"]:
            return ""
        created = ":".join(seen["created"].split(":")[:2]) if seen["created"] else None  # without its text
        return next_command(self._target, prepared.source, test.lr, created)

    # -- sweep

    def _sweep(self, steps: int) -> tuple[dict[str, Any], Curve]:
        """Sweep; once more with the steps that there are, where the script ended before."""
        settings = self._settings
        rates = swept_rates(settings.first, settings.last, steps, settings.spacing)
        self._tell(f"sweeping the rate from {rates[0]:g} to {rates[-1]:g} in {steps} steps")
        plan = Plan(settings.after, rates=rates)
        seen = self._process("sweep", plan, steps + 1, f"sweep-{steps}")
        self._refuse(seen)
        losses = seen["losses"][1:]  # the first was before the first driven step
        early = not seen["ended"] and len(losses) < steps
        if early and len(losses) >= FEWEST and steps == settings.steps and seen["status"] == "finished":
            return self._sweep(len(losses))
        if early and len(losses) < FEWEST:
            raise ScriptError(self._too_short(seen, len(seen["losses"])))
        ended = seen["ended"] or (
            f"the script ended ({_how_ended(seen)})" if early else "the end of the range"
        )
        self.environment, self.optimizer_settings = seen["environment"], seen["settings"]
        self._pace = seen["seconds"] / max(1, len(losses))
        complete = not seen["ended"] and len(losses) == steps
        return seen, Curve(np.array(rates[: len(losses)]), np.array(losses), ended, complete)

    def _refuse(self, seen: dict[str, Any]) -> None:
        """Whatever keeps a rate from being driven, in a sentence."""
        name = self._target.name
        if seen.get("trouble"):
            raise ScriptError(f"{name}: {seen['trouble']}.")
        if seen.get("losses"):
            return
        if seen["status"] == "failed":
            raise ScriptError(f"{name} failed before the sweep could begin: {_how_ended(seen)}.")
        if not seen.get("backwards"):
            raise NothingTrained(
                f"{name} trained nothing: no backward pass was seen; is this the script that trains, and with these "
                "arguments?"
            )
        if seen.get("by_hand") is not None:
            where = f" ({seen['by_hand']})" if seen["by_hand"] else ""
            raise ScriptError(
                f"{name} moves its parameters by hand{where}, so its rate is a variable of its own and can't be "
                f"driven; make it an argument, and try it by surefoot sweep {name} --arg '--lr {{0.01,0.1}}'."
            )
        if not seen["steps"]:
            raise ScriptError(
                f"{name} never steps an optimizer in {seen['backwards']:,} backward passes, so there is no rate "
                "to drive: surefoot check says why."
            )
        raise ScriptError(
            f"{name} ended after {seen['steps']:,} steps, before the sweep could begin: lower --after."
        )

    def _too_short(self, seen: dict[str, Any], count: int) -> str:
        how = (
            f"failed after {count} driven steps"
            if seen["status"] == "failed"
            else f"took only {count} driven steps"
        )
        why = f" ({_how_ended(seen)})" if seen["status"] == "failed" else ""
        return f"{self._target.name} {how}{why}; a range test needs {FEWEST + 1}: let it train longer."

    # -- curvature

    def _curvature(self, seen: dict[str, Any]) -> SuggestedRate:
        name, settings = seen["optimizer"], seen["settings"]
        if stable_factor(name, settings) is None:
            return no_curvature(f"the largest stable rate of {name} isn't known")
        if _ranks() > 1:
            return no_curvature("it isn't measured over several processes")
        if seen["opposed"]:
            return no_curvature("several losses have several Hessians")
        if too_long(self._pace, self._settings.confirm, A_MINUTE):
            return no_curvature(TOO_LONG)
        self._tell("measuring the curvature")
        plan = Plan(self._settings.after, rates=(0.0,))
        found = self._process("curvature", plan, BATCHES, "curvature", {**settings, "class": name})
        if "top" not in found:
            return no_curvature(found.get("why") or found.get("described") or "it could not be measured")
        top = TopEigenvalue(found["top"], found["residual"], found["preconditioned"])
        return curvature_suggestion(name, settings, top)

    # -- trials

    def _confirmed(self, found: tuple[SuggestedRate, ...], chosen: list[Candidate]) -> bool:
        """Whether to try the suggestions: asked for, or done in a minute."""
        if not worth_trying(found, chosen):
            return False
        if self._settings.confirm is not None:
            return self._settings.confirm
        if _ranks() > 1:
            return False  # each process has a clock of its own: where it counts, all must be asked
        return len(chosen) * (self._overhead + self._pace * self._length) < A_MINUTE

    @property
    def _length(self) -> int:
        return self._settings.confirm_steps or max(100, self._settings.steps)

    def _trial(self, candidate: Candidate, seen: dict[str, Any]) -> RateTrial:
        self._tell(f"trying {candidate.rate:.3g} ({suggested_by(candidate.methods)})")
        plan = Plan(self._settings.after, scale_to=candidate.rate)
        if YOURS in candidate.methods:
            plan = Plan(self._settings.after)
        tried = self._process("trial", plan, self._length, f"trial-{candidate.rate:.3g}")
        losses = tried.get("losses") or []
        ended = tried["ended"] if tried.get("losses") else str(tried.get("described") or "it took no step")
        mean, error = tail(losses)
        at = len(losses)
        validated = bool(tried.get("val_losses")) and not ended
        if validated:
            mean, error, at = tried["val_losses"][-1], None, tried["val_steps"][-1]
        self.same_start = self.same_start and tried.get("start") in (None, seen["start"])
        return RateTrial(
            rate=candidate.rate,
            methods=candidate.methods,
            steps=len(losses),
            at=at,
            loss=None if ended else mean,
            error=None if ended else error,
            mean=mean_of(losses),
            validated=validated,
            ended=ended,
        )

    # -- processes

    def _process(
        self, kind: Any, plan: Plan, steps: int, name: str, settings: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What one process found.

        Raises:
            ScriptError: It died.
        """
        folder = self._folder / name
        folder.mkdir()
        seed, number = self._settings.seed, self._processes
        member = Member(kind, self._target, plan, steps, folder, seed, self._loaded, settings or {}, number)
        self._processes += 1
        began = time.monotonic()
        _worked(member)
        result = folder / RESULT
        if not result.exists():
            raise ScriptError(f"the process of {self._target.name} died (its {kind}); {self._log(folder)}")
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        if "defect" in found:
            raise ScriptError(f"{self._target.name} could not be followed: {found['defect']}.")
        if kind == "sweep":
            self._overhead = max(0.0, time.monotonic() - began - found.get("seconds", 0.0))
            if found["status"] == "failed" and len(found.get("losses", ())) <= FEWEST:
                sys.stderr.write(self._log(folder))
        return found

    def _log(self, folder: Path) -> str:
        try:
            lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        return "".join(f"{line}\n" for line in lines[-_LAST_LINES:])


def _how_ended(seen: dict[str, Any]) -> str:
    return str(seen["described"] or f"exit code {seen['exit_code']}")


def _ranks() -> int:
    """Processes of the training, as torchrun says."""
    given = os.environ.get("WORLD_SIZE", "1")
    return int(given) if given.isdigit() else 1


def _worked(member: Member) -> None:
    """Let a process do it: a fork of this one, where torch is imported already, else a fresh one."""
    fork = "fork" in multiprocessing.get_all_start_methods()
    if fork:
        import torch._dynamo  # noqa: F401  # torch, with what its optimizers import: once for all of them
    context: Any = multiprocessing.get_context("fork" if fork else "spawn")
    process = context.Process(target=work, args=(member,))
    process.start()
    try:
        process.join()
    finally:
        if process.is_alive():
            process.terminate()
            process.join()


def _but_logs(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name != LOG and not (Path(folder) / name).is_dir()] + (
        ["run"] if "run" in names else []
    )


def _typed() -> str:
    import shlex

    return shlex.join(sys.orig_argv)
