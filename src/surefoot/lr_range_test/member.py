"""One sweep or trial of a script, in a process of its own: observed, its rates driven, stopped when it has shown it."""

from __future__ import annotations

import json
import os
import random
import sys
import traceback
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from surefoot.capture import own_imports
from surefoot.capture.imports import after_import
from surefoot.capture.limit import StepLimit
from surefoot.capture.own_output import to_log
from surefoot.capture.script import Outcome, Target, execute, prepare
from surefoot.capture.tracebacks import clean
from surefoot.lr_range_test.rates import Plan, RateDriver

if TYPE_CHECKING:
    from surefoot.capture.kept import Keeper, Kept
    from surefoot.capture.observation import Observation
    from surefoot.lr_range_test.following import Following

RESULT, LOG = "result.json", "log.txt"


@dataclass(frozen=True, slots=True)
class Member:
    """What one process is to do.

    Args:
        kind: "sweep", "trial", or "curvature": steps of rate 0, and then the Hessian's top eigenvalue.
        target: The script.
        plan: Its rates.
        steps: Driven steps.
        folder: Where it leaves its result and its log.
        seed: Of everything random, unless the script seeds itself.
        loaded: Modules that a script finds loaded under Python, too.
        settings: Of the optimizer, for "curvature", with its "class".
        number: How many came before it: processes of one training meet at a port of their own each time.
    """

    kind: Literal["sweep", "trial", "curvature"]
    target: Target
    plan: Plan
    steps: int
    folder: Path
    seed: int = 0
    loaded: Collection[str] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    number: int = 0


def work(member: Member) -> None:
    """Do it; everything that is written to the terminal meanwhile goes to the log.

    Effects: this process is the script's from now on.
    """
    to_log(member.folder / LOG)
    _meet_anew(member.number)
    try:
        found = _Script(member).run()
    except BaseException as error:  # the parent says what became of it
        traceback.print_exc()
        found = {"defect": f"{type(error).__name__}: {error}"}
    sys.stdout.flush()
    waiting = member.folder / f"{RESULT}.part"
    waiting.write_text(json.dumps(found), encoding="utf-8")
    waiting.replace(member.folder / RESULT)


def _meet_anew(number: int) -> None:
    """Under torchrun: a meeting point that the members before have not used up."""
    port = os.environ.get("MASTER_PORT", "")
    if port.isdigit():
        os.environ["MASTER_PORT"] = str(1024 + (int(port) + 1 + number - 1024) % (2**16 - 1024))
        os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"


class _Script:
    """A script under its hooks."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._driver = RateDriver(member.plan)
        self._following: Following | None = None
        self._observation: Observation | None = None
        self._keeper: Keeper | None = None

    def run(self) -> dict[str, Any]:
        prepared = prepare(self._member.target)
        own_imports.begin(prepared.path_entry, sys.path[1:], self._member.loaded)
        random.seed(self._member.seed)
        self._source, self._filename = prepared.source, prepared.filename
        give_up = after_import("torch", self._begin)
        try:
            outcome = execute(prepared)
        finally:
            give_up()
        if outcome.error is not None and not isinstance(outcome.error, SystemExit):
            clean(outcome.error)
            sys.excepthook(type(outcome.error), outcome.error, outcome.error.__traceback__)
        with own_imports.own_imports():
            return self._result(outcome)

    def _begin(self) -> None:
        with own_imports.own_imports():
            import numpy as np
            import torch

            torch.manual_seed(self._member.seed)
            np.random.seed(self._member.seed % 2**32)
            if self._member.kind == "curvature":
                self._keep()
            else:
                self._observe()

    def _observe(self) -> None:
        from surefoot.capture import observation
        from surefoot.capture.step_hooks import listen
        from surefoot.lr_range_test.following import Following, listener_of
        from surefoot.lr_range_test.smoothing import Divergence

        member = self._member
        run = observation.begin_run(self._filename, member.target.arguments, self._source)
        watched = self._observation = observation.Observation(
            run, runs=member.folder, name="run", warn=lambda sentence: None
        )
        rule = Divergence() if member.kind == "sweep" else None
        self._following = Following(self._driver, member.steps, rule)
        watched.observer.dispatch.add(self._following)
        watched.begin()
        watched.observer.cruise.stop()  # every step's loss is wanted at once
        listen(listener_of(self._following))  # after the observation's: it reads the rate that was driven

    def _keep(self) -> None:
        from surefoot.capture.kept import Keeper
        from surefoot.capture.step_hooks import StepListener, listen

        self._keeper = Keeper(batches=self._member.steps)
        self._keeper.begin()

        def before(optimizer: Any, args: Any, kwargs: Any) -> None:
            self._driver.before(optimizer)

        def after(optimizer: Any) -> None:
            if self._driver.after(optimizer) and self._driver.position >= self._member.steps:
                raise StepLimit

        listen(StepListener(before, after))

    def _result(self, outcome: Outcome) -> dict[str, Any]:
        found: dict[str, Any] = {
            "status": outcome.status,
            "exit_code": outcome.exit_code,
            "described": outcome.described,
            "trouble": self._driver.trouble,
            "present": self._driver.present,
            "steps": self._driver.steps,
        }
        if self._keeper is not None:
            return found | self._curvature(self._keeper)
        if self._observation is None or self._following is None:
            return found
        from surefoot.lr_range_test.following import kept_of
        from surefoot.lr_range_test.reading import read

        self._observation.close(outcome.status, outcome.exit_code, outcome.described)
        history = self._observation.history()
        return found | kept_of(self._following) | (read(history, self._member.plan.after) if history else {})

    def _curvature(self, keeper: Keeper) -> dict[str, Any]:
        from surefoot.errors import SurefootError
        from surefoot.lr_range_test.curvature import stable_factor, top_eigenvalue

        keeper.end()
        settings = self._member.settings
        known = stable_factor(settings["class"], settings)
        try:
            kept: Kept = keeper.kept()
            eps = settings.get("eps", 1e-8) if known and known[1] else None
            top = top_eigenvalue(kept.objective(mode="train", seed=self._member.seed), eps)
        except (SurefootError, RuntimeError) as error:
            return {"why": f"{error}".splitlines()[0].rstrip(".")}
        return {"top": top.value, "residual": top.residual, "preconditioned": top.preconditioned}
