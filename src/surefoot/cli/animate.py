"""`surefoot animate`: a training in motion: of a script, of a recorded run, of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surefoot.cli.counting import counting
from surefoot.cli.output import show
from surefoot.cli.places import check_file
from surefoot.cli.subject_options import Batches, Module, Quick, Runs, Settings, Steps
from surefoot.errors import SettingError
from surefoot.store.folders import DEFAULT_RUNS

if TYPE_CHECKING:
    from surefoot.cli.subjects import Named
    from surefoot.figures.animation.scenes import Scene

_SUFFIXES = (".gif", ".mp4", ".html")
_KINDS = ("path", "fit", "rates", "curves")


def animate(
    context: typer.Context,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Animation (.gif, .mp4) or player (.html).")
    ] = "animation.gif",
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="path, fit, rates or curves; default: curves of a run, path of a script.",
        ),
    ] = None,
    frames: Annotated[int, typer.Option("--frames", metavar="N", min=2, help="At the most.")] = 80,
    fps: Annotated[float, typer.Option("--fps", metavar="N", help="Frames a second, at most 50.")] = 20,
    points: Annotated[
        int, typer.Option("--points", metavar="N", min=2, help="Of the surface, along each axis.")
    ] = 31,
    steps: Steps = None,
    batches: Batches = 8,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Of a recipe, or of a random plane.")
    ] = 0,
    quick: Quick = False,
    setting: Settings = None,
    runs: Runs = DEFAULT_RUNS,
    module: Module = None,
) -> None:
    """Animate a training: its path over the surface, its fit, learning rates side by side, its curves."""
    target = Path(output).absolute()
    if target.suffix.lower() not in _SUFFIXES:
        raise SettingError(
            f"-o {output} is no animation that can be written: end it in {', '.join(_SUFFIXES)}."
        )
    check_file("--output", output)
    if kind is not None and kind not in _KINDS:
        raise SettingError(f"--kind {kind} is not known: give {', '.join(_KINDS)}.")
    if not 0 < fps <= 50:
        raise SettingError(f"--fps {fps:g} cannot be shown: give more than 0 and at most 50.")
    from surefoot.figures import animate as written
    from surefoot.figures.animation.animate import needs

    needs(target)
    from surefoot.cli import subjects

    what = subjects.named(context.obj, runs, "animate")
    if what.recipe is not None:
        if steps is not None:
            raise SettingError("--steps is for scripts and runs; a recipe's own are set by --set steps=N.")
        scene = _of_recipe(what.recipe, kind, tuple(setting or ()), seed, quick, frames)
    else:
        if quick or setting:
            raise SettingError(f"{'--quick' if quick else '--set'} is for recipes.")
        scene = _of_training(what, kind, frames, points, steps, batches, seed)
    show(f"{scene.title}: {len(scene)} frames, steps {scene.steps[0]:,} to {scene.steps[-1]:,}")
    show(written(scene, target, fps=fps))


def _of_recipe(
    name: str, kind: str | None, settings: tuple[str, ...], seed: int, quick: bool, frames: int
) -> Scene:
    from surefoot.cli.subjects import recipe_options
    from surefoot.recipes import load

    recipe = load(name)
    if not recipe.scenes:
        raise SettingError(f"the recipe {name} has nothing that moves.")
    kind = kind or next(iter(recipe.scenes))
    if kind not in recipe.scenes:
        raise SettingError(f"the recipe {name} has no {kind}: it has {', '.join(recipe.scenes)}.")
    return recipe.scenes[kind](recipe_options(recipe, settings, seed, quick), frames)


def _of_training(
    what: Named, kind: str | None, frames: int, points: int, steps: int | None, batches: int, seed: int
) -> Scene:
    from surefoot import figures
    from surefoot.cli import subjects

    kind = kind or ("curves" if what.history is not None else "path")
    if kind == "rates":
        raise SettingError(
            "one script is one learning rate; --kind rates is for recipes that train several, "
            "such as surefoot animate learning-rates."
        )
    if kind == "curves" and what.history is not None:
        history = what.history
        return figures.curves_scene(
            history.series("loss"), history.series("grad_norm"), frames=frames, title=history.run.name
        )
    kept = subjects.kept_of(what, steps=steps, batches=batches, norms=kind == "curves")
    if kind == "curves":
        return figures.curves_scene(kept.loss, kept.grad_norm, frames=frames, title=kept.place)
    if kind == "fit":
        from surefoot.landscape import fit_along

        return figures.fit_scene(fit_along(kept.model, kept.trajectory, *kept.fit_data()), frames=frames)
    return _path(subjects.script_subject(kept, None, seed), frames, points, seed)


def _path(subject: Any, frames: int, points: int, seed: int) -> Scene:
    from surefoot.cli.planes import grid_over, plane_of
    from surefoot.figures import path_scene
    from surefoot.landscape.easy import two_scalars

    for line in subject.about:
        show(line)
    with counting(f"landscape of {subject.name}") as progress:
        options: dict[str, Any] = {"points": points, "progress": progress}
        if subject.objective.size == 2:
            axes = two_scalars(subject.objective)
            surface = grid_over(subject, axes, (None, None), False, options | {"descent": False})
        else:
            surface = plane_of(subject, None, None, seed, options)
    return path_scene(surface, frames=frames)
