"""`surefoot lab`: the descent lab in the browser or as one file, with the plane of a run or a recipe in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surefoot.cli.counting import counting
from surefoot.cli.output import say, show
from surefoot.cli.places import check_file
from surefoot.cli.subject_options import Batches, Module, Quick, Runs, Settings, Steps
from surefoot.errors import SettingError
from surefoot.store.folders import DEFAULT_RUNS

if TYPE_CHECKING:
    from surefoot.surfaces import Surface

LAB_LINE = "[OPTIONS]  |  RECIPE|RUN|LANDSCAPE.npz [OPTIONS]  |  [OPTIONS] SCRIPT [ARGUMENTS]…"
_PLANES = ("random", "principal")


def lab(
    context: typer.Context,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the page (.html) instead of opening it."),
    ] = None,
    points: Annotated[
        int, typer.Option("--points", metavar="N", min=4, max=101, help="Of the plane, along each axis.")
    ] = 41,
    plane: Annotated[
        str | None,
        typer.Option(
            "--plane", metavar="PLANE", help="random or principal (of the path), of a run or recipe."
        ),
    ] = None,
    first: Annotated[
        str,
        typer.Option(
            "--show", metavar="ADDRESS", help="What is shown first: what stands after # in the lab's address."
        ),
    ] = "",
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
    """Open the descent lab: rules race down a surface, which may be the plane of a run or recipe."""
    check_file("--output", output)
    target = None if output is None else Path(output).absolute()
    if target is not None and target.suffix.lower() not in (".html", ".htm"):
        raise SettingError(f"-o {output} is no page: end it in .html.")
    if plane is not None and plane not in _PLANES:
        raise SettingError(f"--plane {plane} is not known: give {', '.join(_PLANES)}.")
    named = context.obj
    if named is None and (plane is not None or quick or setting or steps is not None):
        raise SettingError("the lab's own surfaces take no such options: name a recipe, a run or a script.")
    surfaces: dict[str, Surface] = {}
    if named is not None:
        options = (seed, steps, batches, quick, tuple(setting or ()), runs)
        surfaces = dict([_surface(named, plane, points, *options)])
    from surefoot.lab import lab as made

    page = made(surfaces, settings=first.removeprefix("#"))
    if target is not None:
        show(page.save(target))
        return
    show(page.open())
    say("if no browser has opened, open that file in one.")


def _surface(named: Any, plane: str | None, points: int, seed: int, *options: Any) -> tuple[str, Surface]:
    """The name to be shown and the plane."""
    from surefoot.surfaces import Surface, load

    if named.name.endswith(".npz"):
        record = load(named.name)
        if not isinstance(record, Surface):
            raise SettingError(
                f"{named.name} holds a {type(record).__name__.lower()}; the lab shows surfaces."
            )
        return Path(named.name).stem, record
    from surefoot.cli.planes import surface_of
    from surefoot.cli.subjects import subject_of

    subject = subject_of("lab", named, None, seed, *options)
    for line in subject.about:
        show(line)
    with counting(f"plane of {subject.name}") as progress:
        drawn: dict[str, Any] = {"points": points, "progress": progress}
        surface = surface_of(subject, None, None, plane, (None, None), [], seed, drawn)
    show(f"{surface.statement}.")
    return subject.title or f"Plane of {Path(named.name).name}", surface
