"""What a recipe is: its documented numbers, how it trains, what it found, and what may be drawn of it."""

from __future__ import annotations

import difflib
import inspect
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.errors import SettingError, StoreError
from surefoot.recipes.catalogue import entry, require_packages
from surefoot.report.json import plain

if TYPE_CHECKING:
    from surefoot.figures.animation.scenes import Scene
    from surefoot.landscape import Objective
    from surefoot.surfaces import Trajectory

Value = int | float | str


@dataclass(frozen=True)
class Number:
    """A documented number of a recipe, which `--set name=value` changes.

    Args:
        value: In the full form; what is set has its type.
        meaning: What it is, with its unit.
        quick: In the quick form; by default the same.
        low: Lowest value that makes sense.
    """

    value: Value
    meaning: str
    quick: Value | None = None
    low: float | None = None

    def parsed(self, name: str, given: Value) -> Value:
        """What was set, in this number's type.

        Raises:
            SettingError: It is no such number, or too low.
        """
        if isinstance(self.value, str):
            return str(given)
        found = math.nan
        try:
            found = float(given)
        except ValueError:
            pass
        whole = isinstance(self.value, int)
        if not math.isfinite(found) or (whole and found != int(found)):
            wanted = "a whole number" if whole else "a number"
            raise SettingError(f"{name} = {given} is not {wanted}; its own value is {self.value}.")
        if self.low is not None and found < self.low:
            raise SettingError(f"{name} = {given} is too low: the lowest that makes sense is {self.low:g}.")
        return int(found) if whole else found


@dataclass(frozen=True)
class Options:
    """How a recipe is to run.

    Args:
        recipe: Its name.
        seed: Of everything random.
        out: Folder for figures, results and checkpoints.
        runs: Folder of the recorded runs.
        quick: The small form, for tests.
        resume: Go on with what an earlier training left in `out`.
        numbers: Name -> value of every documented number.
    """

    recipe: str
    seed: int = 0
    out: Path = Path("surefoot-recipes")
    runs: Path = Path("surefoot-recipes/runs")
    quick: bool = False
    resume: bool = False
    numbers: Mapping[str, Value] = field(default_factory=dict)

    def whole(self, name: str) -> int:
        """A number that counts something."""
        return int(self.numbers[name])

    def number(self, name: str) -> float:
        """A number that measures something."""
        return float(self.numbers[name])

    def listed(self, name: str) -> tuple[float, ...]:
        """The numbers of a comma-separated list.

        Raises:
            SettingError: It is none.
        """
        given = str(self.numbers[name])
        try:
            return tuple(float(part) for part in given.split(","))
        except ValueError:
            raise SettingError(f"{name} = {given} is no list of numbers: write them as 1,0.1,0.01.") from None


@dataclass(frozen=True)
class Outcome:
    """What a recipe found.

    Args:
        rows: The table of results; each row column -> value, the same columns in each.
        sentences: What was found, in words made from the numbers.
        data: Arrays and numbers that the figure is drawn from.
        runs: Recorded runs.
        figures: Pictures written.
    """

    rows: tuple[Mapping[str, Any], ...]
    sentences: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[Path, ...] = ()
    figures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Landscape:
    """A recipe's loss surface and the paths that its trainings took.

    Args:
        objective: The function; its trained point is where the first trajectory ends.
        trajectories: One for each training shown.
        axes: The two scalars of a grid; None for the plane of the trajectories' principal components.
        x_range: Lowest and highest value of the first scalar.
        y_range: Of the second.
        logarithmic: Space contours in the loss's logarithm; None leaves it to the figure.
        title: Of the picture.
    """

    objective: Objective
    trajectories: tuple[Trajectory, ...]
    axes: tuple[str, str] | None = None
    x_range: tuple[float, float] = (-1.0, 1.0)
    y_range: tuple[float, float] = (-1.0, 1.0)
    logarithmic: bool | None = None
    title: str | None = None

    def surface(self, points: int = 51, **options: Any) -> Any:
        """The surface with the paths on it, as a `surefoot.surfaces.Surface`.

        Args:
            points: Along each axis.
            options: Of `surefoot.landscape.grid` or `principal_plane`: gradients, progress, resume …

        A grid's own descent is left out unless asked for: the recipe's paths are drawn.
        """
        from surefoot.landscape import grid, principal_plane

        if self.axes is None:
            return principal_plane(self.objective, self.trajectories, points=points, **options)
        given: dict[str, Any] = {"x_range": self.x_range, "y_range": self.y_range, "descent": False}
        return grid(
            self.objective, *self.axes, points=points, trajectories=self.trajectories, **(given | options)
        )


SceneMaker = Callable[[Options, int], "Scene"]


@dataclass(frozen=True)
class Recipe:
    """A complete training with its data, its result and its figure.

    Args:
        name: As users type it; the catalogue has its title and seconds.
        page: What it is about, what to look at, what to change: the text of its page.
        train: Trains and measures. It may write files below `options.out`.
        numbers: Name -> documented number.
        figure: The matplotlib figure of an outcome.
        landscape: Its loss surface and paths; None if it has none to show.
        scenes: Kind ("fit", "path", "rates", "curves") -> function of options and frames; the first is the
            default.
        resumable: Whether an interrupted training can go on.
    """

    name: str
    page: str
    train: Callable[[Options], Outcome]
    numbers: Mapping[str, Number] = field(default_factory=dict)
    figure: Callable[[Outcome], Any] | None = None
    landscape: Callable[[Options], Landscape] | None = None
    scenes: Mapping[str, SceneMaker] = field(default_factory=dict)
    resumable: bool = False

    @property
    def title(self) -> str:
        """What it shows, in one line."""
        return entry(self.name).title

    @property
    def seconds(self) -> float:
        """How long the full form takes on two cores, roughly."""
        return entry(self.name).seconds

    @property
    def text(self) -> str:
        """The page's text, without the indentation of its source."""
        return inspect.cleandoc(self.page)

    def options(
        self,
        *,
        seed: int = 0,
        out: str | os.PathLike[str] | None = None,
        runs: str | os.PathLike[str] | None = None,
        quick: bool = False,
        resume: bool = False,
        settings: Mapping[str, Value] | None = None,
    ) -> Options:
        """How to run it, with its own numbers where nothing else is set.

        Args:
            seed: Of everything random, at least 0.
            out: Folder for what it writes; by default surefoot-recipes/NAME.
            runs: Folder of the recorded runs; by default runs in `out`, apart from those of your own scripts.
            quick: The small form.
            resume: Go on with what is in `out`.
            settings: Name -> value or its text, of documented numbers.

        Raises:
            SettingError: A number that the recipe does not have, or a value that is none.
        """
        if seed < 0:
            raise SettingError(f"seed is {seed}; give 0 or more.")
        if resume and not self.resumable:
            raise SettingError(f"{self.name} keeps no checkpoints to go on from; leave resume out.")
        numbers = {
            name: number.quick if quick and number.quick is not None else number.value
            for name, number in self.numbers.items()
        }
        for name, given in (settings or {}).items():
            if name not in self.numbers:
                near = difflib.get_close_matches(name, self.numbers, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self.numbers)}."
                raise SettingError(f"{name!r} is no number of the recipe {self.name}: {hint}")
            numbers[name] = self.numbers[name].parsed(name, given)
        folder = Path(out) if out is not None else Path("surefoot-recipes") / self.name
        return Options(self.name, seed, folder, Path(runs or folder / "runs"), quick, resume, numbers)


def run(recipe: Recipe, options: Options) -> Outcome:
    """Train a recipe, draw its figure, keep its numbers.

    Returns:
        The outcome with the pictures written.

    Raises:
        StoreError: The folder cannot be written.
        MissingExtra: A package that it needs is not installed.

    Effects: writes NAME.png and results.json into `options.out`, and recorded runs below `options.runs`.
    """
    require_packages(recipe.name)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {options.out} cannot be made ({error.strerror}); choose another."
        ) from None
    outcome = recipe.train(options)
    if recipe.figure is not None:
        from surefoot.figures.canvas import write

        picture = write(recipe.figure(outcome), options.out / f"{recipe.name}.png")
        outcome = replace(outcome, figures=(*outcome.figures, picture))
    try:
        (options.out / "results.json").write_text(results(recipe, options, outcome), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write into {options.out} ({error.strerror}); choose another.") from None
    return outcome


def results(recipe: Recipe, options: Options, outcome: Outcome) -> str:
    """An outcome as JSON: its numbers and where everything is."""
    found = {
        "recipe": recipe.name,
        "seed": options.seed,
        "quick": options.quick,
        "numbers": dict(options.numbers),
        "results": [dict(row) for row in outcome.rows],
        "found": list(outcome.sentences),
        "figures": [str(path) for path in outcome.figures],
        "runs": [str(path) for path in outcome.runs],
    }
    return json.dumps(plain(found), indent=2) + "\n"
