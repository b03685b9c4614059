"""The figure of a learning-rate schedule: the rate over the steps, where its formula changes, momentum below."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.figures.canvas import COLORS, GRID, MUTED, new_figure, styled
from surefoot.schedules.base import Schedule

_MOST = 2000  # points of a line: more than a picture is wide


def schedule_figure(
    schedule: Schedule,
    *,
    lr: float | None = None,
    steps: int | None = None,
    steps_per_epoch: int | None = None,
) -> Any:
    """A schedule's factor (or rate) over its steps, as a matplotlib figure.

    Args:
        schedule: In steps.
        lr: Draw rates, the factor times this.
        steps: How many to draw; by default until it ends.
        steps_per_epoch: Draw a second axis in epochs.

    Raises:
        SettingError: It never ends and `steps` is not given.
    """
    last = schedule_length(schedule, steps)
    inside = [b for b in schedule.boundaries() if b <= last]
    # Just before a boundary too, so that a jump is drawn as one.
    marks = {*inside, *(b - 1 for b in inside if b > 0)}
    at = np.unique([*np.linspace(0, last, min(last + 1, _MOST)).round().astype(int), *marks])
    scale = 1.0 if lr is None else lr
    values = scale * np.array(schedule.values(at.tolist()))
    momenta = [schedule.momentum(int(step)) for step in at]
    has_momentum = any(value is not None for value in momenta)
    with styled():
        figure = new_figure(6.4, 5.0 if has_momentum else 3.6)
        panels = figure.subplots(2 if has_momentum else 1, 1, sharex=True, squeeze=False)[:, 0]
        panels[0].plot(at, values, color=COLORS[1], lw=2)
        panels[0].set_ylabel("factor" if lr is None else "learning rate")
        panels[0].set_title(_shortened(repr(schedule)))
        panels[0].set_ylim(bottom=min(0.0, float(values.min())))
        if has_momentum:
            numbers = np.array([np.nan if value is None else value for value in momenta])
            panels[1].plot(at, numbers, color=COLORS[0], lw=2)
            panels[1].set_ylabel("momentum")
        for axes in panels:
            axes.grid(color=GRID, lw=0.6)
            axes.set_xlim(0, last)
            for boundary in inside[1:] if len(inside) <= 20 else ():
                axes.axvline(boundary, color=MUTED, lw=0.8, ls=":")
        panels[-1].set_xlabel("step")
        if steps_per_epoch:
            length = steps_per_epoch
            epochs = panels[0].secondary_xaxis(
                "top", functions=(lambda step: step / length, lambda epoch: epoch * length)
            )
            epochs.set_xlabel("epoch", fontsize=9, color=MUTED)
            epochs.tick_params(colors=MUTED, labelsize=8)
    return figure


def schedule_length(schedule: Schedule, steps: int | None = None) -> int:
    """Steps to draw.

    Raises:
        SettingError: The schedule never ends and `steps` is not given.
    """
    last = schedule.duration if steps is None else steps
    if last is None:
        raise SettingError(f"{schedule!r} never ends: say how many steps to draw.")
    return max(1, last)


def _shortened(text: str, most: int = 72) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
