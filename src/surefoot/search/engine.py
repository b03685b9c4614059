"""A sweep of a script: its members started as the processors allow, their results gathered and judged."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.capture.script import Prepared, Target, prepare
from surefoot.errors import MissingExtra, NothingTrained, ScriptError, SettingError
from surefoot.extras import sentence
from surefoot.report.numbers import duration, number
from surefoot.search.axes import Axis
from surefoot.search.conclusion import concluded
from surefoot.search.folder import Folder, open_folder
from surefoot.search.member import Work
from surefoot.search.order import Everything, Order, Report, SuccessiveHalving
from surefoot.search.pool import Pool, cores
from surefoot.search.records import Sweep
from surefoot.search.results import Result
from surefoot.search.settings import Member, drawn, grid

if TYPE_CHECKING:
    from surefoot.search.optuna_study import Studying
    from surefoot.search.ray_pool import RayPool

Tell = Callable[[str], None]
_ALIKE = 3  # members that fail with the same words: so will the others
_LAST_LINES = 15  # of a log that is shown


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be swept and how.

    Args:
        axes: What varies.
        seeds: Of each setting.
        random: Draw so many settings; None: all of the grid.
        steps: Of each member; None: the script's own end.
        jobs: Members at once; None: one a processor.
        halving: Stop the hopeless.
        study: How Optuna searches; None: it doesn't.
        ray: Address of a Ray cluster; None: on this machine.
    """

    axes: tuple[Axis, ...]
    seeds: int = 1
    random: int | None = None
    steps: int | None = None
    jobs: int | None = None
    halving: bool = False
    study: Studying | None = None
    ray: str | None = None

    def check(self) -> None:
        """Refuse what can't be.

        Raises:
            SettingError: It can't.
        """
        for name in ("seeds", "random", "steps", "jobs"):
            count = getattr(self, name)
            if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                raise SettingError(f"{name} is {count!r}: give a whole number of at least 1.")
        if self.ray is not None and (
            self.halving or (self.study is not None and self.study.pruner != "none")
        ):
            raise SettingError(
                "on a Ray cluster no training reports on its way: leave --halving and --pruner out."
            )
        ways = [self.random is not None, self.halving, self.study is not None]
        if self.study is not None and sum(ways) > 1:
            raise SettingError(
                "--optuna chooses the settings and stops the hopeless: leave --random and --halving out."
            )
        if self.study is not None and (self.study.trials < 1 or not self.axes):
            raise SettingError(
                "--optuna needs a number of settings above 0, and something to vary: --lr 1e-4:1:log."
            )
        if not self.axes and self.seeds == 1:
            raise SettingError(
                "there is nothing to sweep: give --lr 1e-4:1:log7, --optimizer sgd,adamw, --arg '--hidden {64,128}', "
                "or --seeds 3."
            )

    def members(self) -> list[Member]:
        """All of them: the first seed of every setting, then the next seed."""
        settings = grid(self.axes) if self.random is None else drawn(self.axes, self.random)
        return [Member(setting, seed) for seed in range(self.seeds) for setting in settings]


def sweep_script(
    target: Target,
    plan: Plan,
    runs: Path,
    name: str | None = None,
    *,
    tell: Tell = lambda said: None,
) -> Sweep:
    """Train a script under every setting.

    Args:
        target: The script.
        plan: What varies.
        runs: Folder of all runs.
        name: Of the sweep's own folder in it; a sweep that is there goes on.
        tell: Told of each member that has ended.

    Returns:
        The sweep, judged.

    Raises:
        SettingError: A setting that can't be.
        ScriptError: The script can't be run, fails under every setting, or can't be driven.
        NothingTrained: It trains nothing.

    Effects: runs the script once a member, each in a process of its own, with whatever it writes.
    """
    plan.check()
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra(sentence("sweeps", "torch"))
    prepared = _prepared(target)
    folder = open_folder(runs, name, prepared, target, plan.steps)
    order = _order(plan, folder)
    gathering = _Gathering(target, plan, folder, order, tell)
    gathering.run()
    found = gathering.results
    return concluded(target, prepared.source, plan.axes, plan.seeds, order.members(), found, folder.path)


def _order(plan: Plan, folder: Folder) -> Order:
    if plan.study is not None:
        from surefoot.search.optuna_study import Study

        return Study(plan.axes, plan.seeds, plan.study, folder.everything())
    members = plan.members()
    return SuccessiveHalving(members) if plan.halving else Everything(members)


def _prepared(target: Target) -> Prepared:
    try:
        return prepare(target)
    except SyntaxError as error:
        where = f"{error.filename or target.name}, line {error.lineno}"
        raise ScriptError(f"{where} is not valid Python: {error.msg}; nothing was run.") from None


@dataclass
class _Gathering:
    """Members on their way."""

    target: Target
    plan: Plan
    folder: Folder
    order: Order
    tell: Tell
    results: dict[Member, Result] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _ran: int = 0
    _threads: int = 1

    def run(self) -> None:
        """Let all of them run that have not run yet."""
        jobs = min(self.plan.jobs or cores(), self.order.count)
        done = sum(self.folder.result(member) is not None for member in self.order.members())
        before = f", {done} of them done before" if done else ""
        self.tell(
            f"{self.order.count} trainings{before}, {jobs} at a time; runs and logs in {self.folder.path}"
        )
        member = self._next()
        if member is None:
            return
        if self.plan.ray is not None:
            from surefoot.search.ray_pool import RayPool

            with RayPool(self.plan.ray) as far:
                self._run(far, member, self.plan.jobs or far.slots)
            return
        self._threads = max(1, cores() // jobs)
        with Pool(self._threads) as pool:
            self._run(pool, member, jobs)

    def _next(self) -> Member | None:
        """The next member that has not run before."""
        while (member := self.order.take(self.results)) is not None:
            found = self.folder.result(member)
            if found is None:
                return member
            self.results[member] = found
            self.order.ended(member, found)
        return None

    def _run(self, pool: Pool | RayPool, first: Member, jobs: int) -> None:
        working: dict[str, Member] = {}
        member: Member | None = first
        while True:
            while member is not None and len(working) < jobs:
                working[member.name] = member
                self.folder.clear(member)
                pool.start(self._work(member))
                member = self._next() if len(working) < jobs else None
            if not working:
                return
            said = pool.event()
            if "report" in said:
                reporting = working[said["report"]]
                report = Report(said["step"], said["validation"], said["training"])
                pool.answer(reporting.name, not self.order.stops(reporting, report, self.results))
                continue
            self._ended(working.pop(said["ended"]), said["code"])
            member = self._next()

    def _work(self, member: Member) -> Work:
        target = self.target
        return Work(
            target.name,
            target.arguments,
            target.is_module,
            dict(member.setting.values),
            member.seed,
            member.name,
            str(self.folder.path.resolve()),
            self.plan.steps,
            self._threads,
            self.order.rungs(member, self.results),
        )

    def _ended(self, member: Member, code: int) -> None:
        result = self.folder.result(member)
        if result is None:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            result = Result("crashed", why=f"its process died ({how})")
            self.folder.keep(member, result)
        self.results[member] = result
        self.order.ended(member, result)
        self._ran += 1
        self.tell(self._progress(member, result))
        self._refuse(member, result)

    def _progress(self, member: Member, result: Result) -> str:
        left = self.order.count - len(self.results)
        remaining = (time.monotonic() - self._began) / self._ran * left
        when = f", {duration(round(remaining))} left" if left else ""
        return f"[{len(self.results)}/{self.order.count}{when}] {member.said}: {came_to(result)}"

    def _refuse(self, member: Member, result: Result) -> None:
        """End the sweep where it has shown that no member can train.

        Raises:
            ScriptError: It has.
        """
        if result.whole:
            self.folder.clear(member)
            kind = NothingTrained if "trained nothing" in result.why else ScriptError
            raise kind(f"{result.why}.")
        all_results = list(self.results.values())
        enough = min(_ALIKE, self.order.count)
        failed = [each for each in all_results if each.status in ("failed", "refused", "crashed")]
        if len(failed) < enough or len(failed) < len(all_results) or len({each.why for each in failed}) > 1:
            return
        if result.status == "refused" and self.order.count > len(failed):
            return  # another optimizer may do
        for line in self.folder.last_lines(member, _LAST_LINES):
            self.tell(f"  {line}")
        for each in self.results:
            self.folder.clear(each)
        raise ScriptError(
            f"{self.target.name} failed in each of its first {len(failed)} trainings: {result.why.rstrip('.')}; their "
            f"logs are in {self.folder.log(member).parent}."
        )


def came_to(result: Result) -> str:
    """A result in a few words."""
    if result.status in ("failed", "refused", "crashed"):
        return f"{result.status}: {result.why}"
    stopped = f", stopped: {result.why}" if result.status == "stopped" else ""
    named = ("validation loss", result.validation), ("training loss", result.training)
    known = next(((name, loss) for name, loss in named if loss is not None), None)
    said = "no loss was seen" if known is None else f"{known[0]} {number(known[1])}"
    return f"{said} after {number(result.steps)} steps{stopped}"
