"""`surefoot plot-schedule`: a schedule's values at its boundaries, and its picture."""

from __future__ import annotations

from typing import Annotated

import typer

from surefoot.cli.output import show
from surefoot.cli.places import check_file
from surefoot.errors import SettingError


def plot_schedule(
    expression: Annotated[
        str, typer.Argument(metavar="SCHEDULE", help="Such as 'warmup(1000) >> cosine(9000)'.")
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The .png, .svg or .pdf to write; without, only the table."
        ),
    ] = None,
    lr: Annotated[
        float | None, typer.Option("--lr", metavar="RATE", help="Draw rates: the factor times this.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, help="Draw so many steps.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option("--epochs", metavar="N", help="Draw so many epochs.")
    ] = None,
    steps_per_epoch: Annotated[
        int | None, typer.Option("--steps-per-epoch", metavar="N", min=1, help="For lengths in epochs.")
    ] = None,
) -> None:
    """Print a schedule's values where its formula changes, and draw it."""
    from surefoot.schedules import parse, table

    schedule = parse(expression)
    if steps_per_epoch is not None:
        schedule = schedule.in_steps(steps_per_epoch)
    elif schedule.in_epochs or epochs is not None:
        raise SettingError("lengths in epochs need --steps-per-epoch N.")
    if epochs is not None:
        if steps is not None:
            raise SettingError("--steps and --epochs say the same thing: choose one.")
        if not epochs > 0:
            raise SettingError(f"--epochs {epochs:g} must be greater than 0.")
        assert steps_per_epoch is not None
        steps = max(1, round(epochs * steps_per_epoch))
    if lr is not None and not 0 < lr < float("inf"):
        raise SettingError(f"--lr {lr:g} must be greater than 0.")
    if output is None:
        show(table(schedule, lr))
        return
    from surefoot.figures.canvas import PICTURES, write

    if not output.lower().endswith(PICTURES):
        raise SettingError(f"{output} is no picture that can be drawn: end it in .png, .svg or .pdf.")
    check_file("--output", output)
    if steps is None and schedule.duration is None:
        raise SettingError(f"{schedule!r} never ends: say how many steps to draw by --steps N.")
    from surefoot.figures.schedule import schedule_figure, schedule_length

    show(table(schedule, lr))
    length = schedule_length(schedule, steps)
    show(write(schedule_figure(schedule, lr=lr, steps=length, steps_per_epoch=steps_per_epoch), output))
