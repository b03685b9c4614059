"""A sweep as a whole: its configurations, each with a result a seed, ranked. No torch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.search.axes import Axis
from surefoot.search.results import Result
from surefoot.search.settings import Setting

if TYPE_CHECKING:
    from rich.console import RenderableType

VALIDATION, TRAINING = "validation loss", "training loss"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One setting, trained from several seeds.

    Args:
        setting: What was set.
        results: By number of the seed.
        objective: "validation loss" or "training loss".
        seeds: How many there were to be.
    """

    setting: Setting
    results: Mapping[int, Result]
    objective: str
    seeds: int

    @property
    def said(self) -> str:
        """The setting in words."""
        return self.setting.said

    @property
    def losses(self) -> dict[int, float]:
        """Loss at the end by seed, infinite where it diverged; of trainings that came to their end."""
        ended = {seed: result for seed, result in self.results.items() if result.status == "finished"}
        return {seed: result.loss(self.objective) for seed, result in ended.items()}

    @property
    def mean(self) -> float:
        """Of its losses; infinite where one of them is, or where there is none."""
        losses = list(self.losses.values())
        return statistics.fmean(losses) if losses else math.inf

    @property
    def deviation(self) -> float | None:
        """Between its seeds; None for fewer than two finite losses."""
        losses = [loss for loss in self.losses.values() if math.isfinite(loss)]
        return statistics.stdev(losses) if len(losses) > 1 else None

    @property
    def complete(self) -> bool:
        """Whether every seed came to its end."""
        return len(self.losses) == self.seeds

    @property
    def diverged(self) -> int:
        """How many seeds have no finite loss at their end."""
        return sum(not math.isfinite(loss) for loss in self.losses.values())

    @property
    def trouble(self) -> str:
        """Why some of it did not come to its end."""
        whys = [result.why for result in self.results.values() if result.status != "finished" and result.why]
        return whys[0] if whys else ""

    @property
    def status(self) -> str:
        """In a word."""
        if self.complete and not self.diverged:
            return "finished"
        if self.diverged:
            return f"diverged, {self.diverged} of {len(self.losses)}"
        other = [result.status for result in self.results.values() if result.status != "finished"]
        return other[0] if other else "not run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to use, and how sure that is.

    Args:
        said: In plain sentences.
        best: The configuration to use; None: none trained.
        runner_up: The next; None: there is none.
        difference: How much greater its loss is, a mean over the seeds that both have.
        doubt: Half of the 95 % interval of that; None: one seed, or no difference to measure.
        beyond: Whether it is more than the seeds differ; None: nobody can tell.
        seeds_needed: Seeds that it would take to tell; None: known already, or not to be told.
    """

    said: str
    best: Configuration | None = None
    runner_up: Configuration | None = None
    difference: float | None = None
    doubt: float | None = None
    beyond: bool | None = None
    seeds_needed: int | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep and its verdict; printed, it is that verdict.

    Args:
        script: What was trained.
        arguments: Its own.
        axes: What was varied.
        objective: What ranks: "validation loss" or "training loss".
        configurations: Best first; those that came to nothing last.
        verdict: What to use.
        seeds: Of each configuration.
        stopped: Members that were stopped as hopeless.
        remarks: What else is to be said.
        path: Its folder, in which each member is a run; None: kept nowhere.
        command: What to run next.
        facts: How it was made, for its page.
    """

    script: str
    arguments: tuple[str, ...]
    axes: tuple[Axis, ...]
    objective: str
    configurations: tuple[Configuration, ...]
    verdict: Verdict
    seeds: int = 1
    stopped: int = 0
    remarks: tuple[str, ...] = ()
    path: Path | None = None
    command: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def best(self) -> dict[str, Any]:
        """Values of the best setting by name; empty where none trained."""
        best = self.verdict.best
        return {} if best is None else dict(best.setting.values)

    def axis(self, name: str) -> Axis | None:
        """One axis by its name."""
        return next((axis for axis in self.axes if axis.name == name), None)

    def draw(self, path: str | Path) -> Path:
        """Draw it to a .png, .svg or .html file.

        Args:
            path: The file to write.

        Returns:
            The same path.

        Raises:
            SettingError: Another suffix, or a place that can't be written.
            MissingExtra: matplotlib is not installed.
        """
        from surefoot.search.figure import draw_sweep

        return draw_sweep(self, path)

    def study(self, storage: str | None = None, name: str | None = None) -> Any:
        """The sweep as an Optuna study, each configuration a trial.

        Args:
            storage: As Optuna takes it, "sqlite:///sweep.db"; None: in memory.
            name: Of the study.

        Returns:
            An `optuna.Study`.

        Raises:
            MissingExtra: Optuna is not installed.
        """
        from surefoot.search.optuna_study import study_of

        return study_of(self, storage, name)

    def __str__(self) -> str:
        return self.verdict.said

    def __rich__(self) -> RenderableType:
        from surefoot.search.terminal import view

        return view(self)
