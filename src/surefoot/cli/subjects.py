"""What `surefoot landscape` and `surefoot animate` are pointed at: a script, a recorded run, a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from surefoot.capture.script import Target
from surefoot.cli.output import say
from surefoot.cli.watching import is_script, run_under, target_of
from surefoot.errors import RunNotFound, SettingError

if TYPE_CHECKING:
    from surefoot.capture.kept import Kept
    from surefoot.landscape import Objective
    from surefoot.recipes import Options, Recipe
    from surefoot.records import History
    from surefoot.surfaces import Trajectory

Mode = Literal["eval", "train", "as is"]
BATCHES = 8


@dataclass(frozen=True)
class Subject:
    """A function to be drawn, with the paths on it.

    Args:
        name: Of the script or recipe.
        objective: The function.
        trajectories: Paths.
        axes: The two scalars of a grid that it suggests.
        ranges: Lowest and highest value of each.
        about: What was found out about it, in lines.
        title: Of the picture.
    """

    name: str
    objective: Objective
    trajectories: tuple[Trajectory, ...]
    axes: tuple[str, str] | None = None
    ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
    about: tuple[str, ...] = ()
    title: str | None = None


@dataclass(frozen=True)
class Named:
    """A target told apart; one of the three is there.

    Args:
        script: To be run.
        history: Of a recorded run.
        recipe: By its name.
    """

    script: Target | None = None
    history: History | None = None
    recipe: str | None = None


def named(target: Target | None, runs: str, command: str) -> Named:
    """Tell script, recipe and run apart.

    Raises:
        SettingError: Nothing was named.
        RunNotFound: It is neither.
    """
    if target is None:
        raise SettingError(f"nothing was named: surefoot {command} RECIPE, RUN or SCRIPT.")
    if is_script(target):
        return Named(script=target)
    from surefoot.diagnosis import history_of
    from surefoot.recipes.catalogue import names

    if target.name in names():
        return Named(recipe=target.name)
    try:
        return Named(history=history_of(target.name, runs))
    except RunNotFound as error:
        raise RunNotFound(
            f"{target.name} is no script and no recipe ({', '.join(names())}), and {error}"
        ) from None


def script_of(what: Named) -> Target:
    """The script to run: the one named, or the one that made the run, which is said."""
    if what.script is not None:
        return what.script
    assert what.history is not None
    script = target_of(what.history.run)
    say(
        f"running {' '.join((script.name, *script.arguments))} again, which made the run {what.history.run.name}."
    )
    return script


def kept_of(what: Named, *, steps: int | None = None, batches: int = BATCHES, norms: bool = False) -> Kept:
    """Run the script and keep what its landscape needs."""
    script = script_of(what)

    def make() -> Any:
        from surefoot.capture.kept import Keeper

        return Keeper(batches=batches, limit=steps, norms=norms)

    kept: Kept = run_under(script, make).kept()
    return kept


def script_subject(kept: Kept, mode: Mode | None, seed: int) -> Subject:
    """A script's loss and path."""
    objective = kept.objective(mode=mode or "eval", seed=seed)
    count = "1 batch" if len(kept.programs) == 1 else f"{len(kept.programs)} batches"
    again = f"the loss of the last batch was {kept.recorded:.6g}; computed again it is {kept.recomputed:.6g}"
    about = (f"{kept.place} ({count} kept)", again)
    return Subject(kept.place, objective, (kept.trajectory,), about=about)


def recipe_options(recipe: Recipe, settings: tuple[str, ...], seed: int, quick: bool) -> Options:
    """Options of a recipe from KEY=VALUE texts."""
    from surefoot.cli.train import parsed

    return recipe.options(seed=seed, quick=quick, settings=parsed(settings))


def recipe_subject(recipe: Recipe, options: Options, mode: Mode | None) -> Subject:
    """A recipe's loss and paths.

    Raises:
        SettingError: It has no landscape, or a mode of its own.
    """
    if recipe.landscape is None:
        raise SettingError(f"the recipe {recipe.name} has no landscape to show.")
    if mode is not None:
        raise SettingError(f"--mode is for scripts and runs; the recipe {recipe.name} has its own.")
    shown = recipe.landscape(options)
    ranges = (shown.x_range, shown.y_range) if shown.axes else None
    return Subject(
        recipe.name, shown.objective, tuple(shown.trajectories), shown.axes, ranges, title=shown.title
    )


def subject_of(
    command: str,
    target: Target | None,
    mode: Mode | None,
    seed: int,
    steps: int | None,
    batches: int,
    quick: bool,
    settings: tuple[str, ...],
    runs: str,
) -> Subject:
    """What a command was pointed at, run or trained anew, as a function to be drawn.

    Args:
        command: The command's name, for what it says.
        target: What was named.
        mode: Of the model: how dropout and batch norm are treated.
        seed: Of everything random.
        steps: Stop a script after so many optimizer steps.
        batches: How many of its last batches count.
        quick: The small form of a recipe.
        settings: KEY=VALUE texts for a recipe.
        runs: Folder of all runs, where a run is looked for.

    Raises:
        SettingError: Nothing was named, or an option that this kind of thing does not take.
        RunNotFound: It is neither script nor recipe nor run.
    """
    what = named(target, runs, command)
    if what.recipe is None:
        if quick or settings:
            raise SettingError(f"{'--quick' if quick else '--set'} is for recipes.")
        return script_subject(kept_of(what, steps=steps, batches=batches), mode, seed)
    if steps is not None:
        raise SettingError("--steps is for scripts and runs; a recipe's own are set by --set steps=N.")
    from surefoot.recipes import load

    recipe = load(what.recipe)
    return recipe_subject(recipe, recipe_options(recipe, settings, seed, quick), mode)
