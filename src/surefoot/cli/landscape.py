"""`surefoot landscape`: the loss around what a script, a run or a recipe came to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from surefoot.cli.counting import counting
from surefoot.cli.output import show
from surefoot.cli.places import check_file
from surefoot.cli.subject_options import Batches, Dpi, Module, Quick, Runs, Settings, Steps
from surefoot.errors import SettingError
from surefoot.store.folders import DEFAULT_RUNS

if TYPE_CHECKING:
    from surefoot.cli.subjects import Subject
    from surefoot.surfaces import Slice

_SUFFIXES = (".png", ".svg", ".pdf", ".html", ".npz")
_PLANES = ("random", "principal", "checkpoints")
TARGET_LINE = "[OPTIONS] SCRIPT [ARGUMENTS]…  |  RECIPE [OPTIONS]  |  RUN [OPTIONS]"


def landscape(
    context: typer.Context,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Picture (.png, .svg, .pdf), page (.html) or numbers (.npz).",
        ),
    ] = "landscape.png",
    dpi: Dpi = None,
    x: Annotated[
        str | None, typer.Option("--x", metavar="NAME", help="A scalar, such as 'fc1.weight[0, 3]'.")
    ] = None,
    y: Annotated[
        str | None, typer.Option("--y", metavar="NAME", help="Another: a grid of both; without, a slice.")
    ] = None,
    span: Annotated[
        str | None,
        typer.Option("--span", metavar="RANGE", help="LOW:HIGH of the axes; or a distance to each side."),
    ] = None,
    y_span: Annotated[
        str | None, typer.Option("--y-span", metavar="RANGE", help="The same for the second axis.")
    ] = None,
    points: Annotated[
        int | None,
        typer.Option(
            "--points", metavar="N", min=2, help="Along each axis; default 51, or 31 on a network's plane."
        ),
    ] = None,
    plane: Annotated[
        str | None,
        typer.Option("--plane", metavar="PLANE", help="random, principal (of the path) or checkpoints."),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="A saved state: one for a line to it, two for the plane through both.",
        ),
    ] = None,
    others: Annotated[
        str,
        typer.Option(
            "--others", metavar="HOW", help="Of a slice along --x: held, or averaged over their range."
        ),
    ] = "held",
    slices: Annotated[
        bool, typer.Option("--slices", help="Slices instead: along the path and a random direction.")
    ] = False,
    smoothness: Annotated[
        bool, typer.Option("--smoothness", help="Local smoothness along the path, beside the gradient norm.")
    ] = False,
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="MODE", help="eval, train or 'as is'; default eval.")
    ] = None,
    gradients: Annotated[bool, typer.Option("--gradients", help="Also the gradient, as arrows.")] = False,
    sharpness: Annotated[
        bool, typer.Option("--sharpness", help="Also the Hessian's ends and trace, in words.")
    ] = False,
    radius: Annotated[
        float | None,
        typer.Option("--radius", metavar="RADIUS", help="With --sharpness: the worst loss in this ball."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep what is done, and go on after a kill.")
    ] = False,
    steps: Steps = None,
    batches: Batches = 8,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Of directions, dropout and recipes.")
    ] = 0,
    quick: Quick = False,
    setting: Settings = None,
    runs: Runs = DEFAULT_RUNS,
    module: Module = None,
) -> None:
    """Draw the loss around a trained model: of a script, of a recorded run, of a recipe."""
    target = Path(output).absolute()
    if target.suffix.lower() not in _SUFFIXES:
        raise SettingError(
            f"-o {output} is no landscape that can be written: end it in {', '.join(_SUFFIXES)}."
        )
    check_file("--output", output)
    if plane is not None and plane not in _PLANES:
        raise SettingError(f"--plane {plane} is not known: give {', '.join(_PLANES)}.")
    if others not in ("held", "averaged"):
        raise SettingError(f"--others {others} is not known: give held or averaged.")
    if mode not in (None, "eval", "train", "as is"):
        raise SettingError(f"--mode {mode} is not known: give eval, train or 'as is'.")
    if smoothness and target.suffix.lower() == ".html":
        raise SettingError("--smoothness has no interactive page: end -o in .png, .svg or .npz.")
    if len(checkpoint or ()) > 2:
        raise SettingError("--checkpoint is given more than twice; the model itself is the third point.")
    pictures = (("--plane", plane), ("--x", x), ("--slices", slices), ("--smoothness", smoothness))
    asked = [name for name, given in pictures if given]
    if len(asked) > 1 or (checkpoint and asked):
        asked += ["--checkpoint"] if checkpoint else []
        raise SettingError(f"{' and '.join(asked)} are different pictures: choose one.")
    if y is not None and x is None:
        raise SettingError(f"--y {y} wants --x too: a grid has two axes.")
    if radius is not None and not sharpness:
        raise SettingError("--radius is for --sharpness.")
    spans = (_span("--span", span), _span("--y-span", y_span))
    from surefoot.figures.canvas import PICTURES, matplotlib_or_raise

    if target.suffix.lower() in PICTURES:
        matplotlib_or_raise()
    states = [Path(name).absolute() for name in checkpoint or ()]

    from surefoot.cli.subjects import subject_of

    subject = subject_of(
        "landscape", context.obj, cast(Any, mode), seed, steps, batches, quick, tuple(setting or ()), runs
    )
    for line in subject.about:
        show(line)
    options: dict[str, Any] = {} if points is None else {"points": points}
    if resume:
        options["resume"] = target.with_name(f"{target.name}.part.npz")
    records: list[Any]
    with counting(f"landscape of {subject.name}") as progress:
        options["progress"] = progress
        if smoothness:
            from surefoot.cli.smoothness import measured

            records = measured(subject, points, progress)
        elif slices:
            records = _slices(subject, seed, spans[0], options)
        elif x is not None and y is None:
            from surefoot.landscape import slice_along_parameter

            given = options | ({} if spans[0] is None else {"span": spans[0]})
            records = [slice_along_parameter(subject.objective, x, others=cast(Any, others), **given)]
        elif len(states) == 1:
            records = [_line_to(subject, states[0], options)]
        else:
            options["gradients"] = gradients
            from surefoot.cli.planes import surface_of

            records = [surface_of(subject, x, y, plane, spans, states, seed, options)]
    if smoothness:
        from surefoot.cli.smoothness import shown

        shown(cast(Any, records), target, subject, dpi)
    else:
        _write(records, target, subject, dpi)
    if sharpness:
        _print_sharpness(subject, radius, seed)


def _slices(subject: Subject, seed: int, span: Any, options: dict[str, Any]) -> list[Slice]:
    import torch

    from surefoot.landscape import random_direction, slice_along_direction, slice_between

    objective = subject.objective
    found = []
    for trajectory in subject.trajectories:
        start = torch.from_numpy(trajectory.full[0]).to(objective.center)
        if not torch.equal(start, objective.center):
            ends = objective.unflat(start), objective.unflat(objective.center)
            found.append(
                slice_between(objective, *ends, name=f"start to end of {trajectory.name}", **options)
            )
    direction = random_direction(objective, seed=seed)
    given = options | ({} if span is None else {"span": span})
    found.append(slice_along_direction(objective, direction, name=f"random direction, seed {seed}", **given))
    return found


def _line_to(subject: Subject, path: Path, options: dict[str, Any]) -> Slice:
    from surefoot.cli.planes import saved_state
    from surefoot.landscape import slice_between

    own = subject.objective.unflat(subject.objective.center)
    return slice_between(subject.objective, own, saved_state(path), name=f"model to {path.stem}", **options)


def _write(records: list[Any], target: Path, subject: Subject, dpi: int | None) -> None:
    from surefoot.figures import draw
    from surefoot.figures.canvas import PICTURES
    from surefoot.surfaces import Surface

    for number, record in enumerate(records, start=1):
        path = target if len(records) == 1 else target.with_stem(f"{target.stem}-{number}")
        named: dict[str, Any] = {}
        if isinstance(record, Surface):
            show(f"{record.statement}.")
            x, y, low = record.minimum
            show(f"lowest of {record.losses.size:,} points: {low:.6g} at ({x:.4g}, {y:.4g})")
            show(
                f"trained point: {record.center_loss:.6g} at ({record.center[0]:.4g}, {record.center[1]:.4g})"
            )
            if record.descent is not None:
                show(f"{record.descent.sentence}.")
            if subject.title and path.suffix.lower() in PICTURES:
                named = {"title": subject.title}
        else:
            at, low = record.minimum
            show(
                f"{record.name}: lowest {low:.6g} at {at:.4g}; {record.center_loss:.6g} at {record.center:.4g}"
            )
        show(draw(record, path, dpi=dpi, **named))


def _print_sharpness(subject: Subject, radius: float | None, seed: int) -> None:
    from surefoot.landscape import sharpness

    with counting("sharpness") as progress:
        found = sharpness(subject.objective, radius=radius, seed=seed, progress=progress)
    show(
        f"sharpness: top eigenvalue {found.top:.4g} (within {found.residual:.2g}), lowest {found.bottom:.4g} "
        f"(within {found.bottom_residual:.2g}), trace {found.trace:.4g} ± {found.trace_error:.2g}, "
        f"{found.products} Hessian-vector products"
    )
    if found.worst is not None:
        show(f"highest loss found within {found.radius:g}: {found.worst:.6g}, {found.loss:.6g} at the center")


def _span(option: str, text: str | None) -> float | tuple[float, float] | None:
    """`A:B` or a distance.

    Raises:
        SettingError: It is neither.
    """
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(":")]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and 0 < numbers[0] < float("inf"):
        return numbers[0]
    if len(numbers) == 2 and numbers[0] < numbers[1]:
        return numbers[0], numbers[1]
    raise SettingError(
        f"{option} {text} is no range: give LOW:HIGH, such as -1:1, or a distance, such as 0.5."
    )
