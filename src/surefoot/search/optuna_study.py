"""Optuna proposes settings and stops the hopeless: one study, owned by this process, our runs its truth."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from surefoot.errors import SettingError
from surefoot.extras import require
from surefoot.search.axes import Axis
from surefoot.search.order import Report, rungs_of
from surefoot.search.results import Result
from surefoot.search.settings import Member, Setting

if TYPE_CHECKING:
    from surefoot.search.records import Configuration, Sweep

SAMPLERS = ("tpe", "gp", "cmaes", "qmc", "random")
PRUNERS = ("none", "halving", "hyperband", "median")


@dataclass(frozen=True, slots=True)
class Studying:
    """How Optuna searches.

    Args:
        trials: Settings to try.
        sampler: One of `SAMPLERS`.
        pruner: One of `PRUNERS`.
        seed: Of the sampler.
    """

    trials: int
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0

    def check(self) -> None:
        """Refuse what can't be.

        Raises:
            SettingError: It can't.
            MissingExtra: Optuna is not installed.
        """
        for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
            given = getattr(self, name)
            if given not in known:
                raise SettingError(f"there is no {name} {given!r}: give one of {', '.join(known)}.")
        require("Optuna's searches", ("optuna", "cmaes") if self.sampler == "cmaes" else ("optuna",))


class Study:
    """Asks Optuna for settings, and tells it what each came to.

    Args:
        axes: What varies.
        seeds: Of each setting.
        how: Sampler and pruner.
        before: What an earlier search of the same script came to; it is told of that first.
    """

    def __init__(
        self, axes: Sequence[Axis], seeds: int, how: Studying, before: Mapping[Member, Result]
    ) -> None:
        how.check()
        self._axes, self._seeds, self._how = axes, seeds, how
        self._study = _quiet().create_study(sampler=_sampler(how), pruner=_pruner(how))
        self._trials: dict[Setting, Any] = {}
        self._left: dict[Setting, dict[int, Result | None]] = {}  # results of settings that are not told yet
        self._waiting: list[Member] = []
        self._members: list[Member] = []
        self._asked = 0
        for setting in dict.fromkeys(member.setting for member in before):
            self._go_on(setting, before)

    @property
    def count(self) -> int:
        """Members of all trials."""
        return self._seeds * self._how.trials

    def members(self) -> list[Member]:
        """Those of the settings asked for so far."""
        return self._members

    def _go_on(self, setting: Setting, before: Mapping[Member, Result]) -> None:
        """Take a setting of before as one of the trials."""
        if self._asked >= self._how.trials or [n for n, _ in setting.values] != [a.name for a in self._axes]:
            return
        try:
            self._study.enqueue_trial(dict(setting.values), skip_if_exists=True)
        except ValueError:  # out of today's range
            return
        self._ask()

    def _ask(self) -> None:
        trial = self._study.ask(_distributions(self._axes))
        self._asked += 1
        setting = Setting(tuple((axis.name, _value(trial.params[axis.name])) for axis in self._axes))
        if setting in self._trials:  # of a few settings all have been tried
            self._study.tell(trial, state=_quiet().trial.TrialState.FAIL)
            return
        self._trials[setting] = trial
        self._left[setting] = dict.fromkeys(range(self._seeds))
        made = [Member(setting, seed) for seed in range(self._seeds)]
        self._waiting += made
        self._members += made

    def take(self, results: Mapping[Member, Result]) -> Member | None:
        """The next seed of a trial that goes on, else the first of a new one."""
        while not self._waiting and self._asked < self._how.trials:
            self._ask()
        return self._waiting.pop(0) if self._waiting else None

    def rungs(self, member: Member, results: Mapping[Member, Result]) -> tuple[int, ...]:
        """Where the pruner is asked, once the length of a training is known."""
        lengths = [result.steps for result in results.values() if result.status == "finished"]
        if self._how.pruner == "none" or member.seed or not lengths:
            return ()
        return rungs_of(max(lengths))

    def stops(self, member: Member, report: Report, results: Mapping[Member, Result]) -> bool:
        """What the pruner says."""
        trial = self._trials[member.setting]
        loss = report.validation if report.validation is not None else report.training
        trial.report(math.inf if loss is None else loss, report.step)
        return bool(trial.should_prune())

    def ended(self, member: Member, result: Result) -> None:
        """Tell Optuna of a trial all of whose seeds have ended, or whose first was stopped."""
        left = self._left.get(member.setting)
        if left is None:
            return
        left[member.seed] = result
        if result.status == "stopped":
            self._waiting = [waiting for waiting in self._waiting if waiting.setting != member.setting]
        elif any(found is None for found in left.values()):
            return
        del self._left[member.setting]
        self._tell(member.setting, [found for found in left.values() if found is not None])

    def _tell(self, setting: Setting, results: Sequence[Result]) -> None:
        states = _quiet().trial.TrialState
        trial = self._trials[setting]
        if any(result.status == "stopped" for result in results):
            self._study.tell(trial, state=states.PRUNED)
            return
        losses = [_loss(result) for result in results if result.trained]
        if len(losses) < len(results):
            self._study.tell(trial, state=states.FAIL)
        else:
            self._study.tell(trial, statistics.fmean(losses))


def study_of(sweep: Sweep, storage: str | None = None, name: str | None = None) -> Any:
    """A sweep as an Optuna study: each configuration a trial, for Optuna's own analyses and dashboard.

    Args:
        sweep: Made by whatever search.
        storage: As Optuna takes it, "sqlite:///sweep.db"; None: in memory.
        name: Of the study.

    Returns:
        The study.

    Raises:
        MissingExtra: Optuna is not installed.
    """
    require("Optuna's studies", ("optuna",))
    optuna = _quiet()
    study = optuna.create_study(storage=storage, study_name=name)
    for each in sweep.configurations:
        trial = _replayed(each, sweep)
        if trial is not None:
            study.add_trial(trial)
    return study


def _replayed(each: Configuration, sweep: Sweep) -> Any:
    optuna = _quiet()
    states = optuna.trial.TrialState
    first = each.results.get(0)
    if first is None:
        return None
    curve = {step: loss for step, loss in first.curve(sweep.objective) if math.isfinite(loss)}
    state = states.COMPLETE if each.complete else states.PRUNED if first.status == "stopped" else states.FAIL
    return optuna.trial.create_trial(
        params=dict(each.setting.values),
        distributions=_distributions(sweep.axes, categorical=True),
        value=each.mean if state == states.COMPLETE else None,
        intermediate_values=curve,
        state=state,
        user_attrs={"losses": {str(seed): loss for seed, loss in each.losses.items()}},
    )


def _loss(result: Result) -> float:
    return result.loss("training loss" if result.validation is None else "validation loss")


def _value(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _distributions(axes: Sequence[Axis], categorical: bool = False) -> dict[str, Any]:
    distributions = _quiet().distributions
    found = {}
    for axis in axes:
        if axis.continuous or (categorical and axis.low is not None):
            found[axis.name] = distributions.FloatDistribution(axis.low, axis.high, log=axis.log)
        else:
            found[axis.name] = distributions.CategoricalDistribution(axis.values)
    return found


def _sampler(how: Studying) -> Any:
    samplers = _quiet().samplers
    made: dict[str, Callable[..., Any]] = {
        "tpe": samplers.TPESampler,
        "gp": samplers.GPSampler,
        "cmaes": samplers.CmaEsSampler,
        "qmc": samplers.QMCSampler,
        "random": samplers.RandomSampler,
    }
    return made[how.sampler](seed=how.seed)


def _pruner(how: Studying) -> Any:
    pruners = _quiet().pruners
    made: dict[str, Callable[[], Any]] = {
        "none": pruners.NopPruner,
        "halving": lambda: pruners.SuccessiveHalvingPruner(reduction_factor=3),
        "hyperband": lambda: pruners.HyperbandPruner(reduction_factor=3),
        "median": pruners.MedianPruner,
    }
    return made[how.pruner]()


def _quiet() -> Any:
    import warnings

    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna
