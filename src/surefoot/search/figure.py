"""Pictures of a sweep: the loss by rate for each optimizer, the steps to a target, a performance profile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.figures.canvas import COLORS, GRID, INK, MARKERS, MUTED, new_figure, styled, write, write_text
from surefoot.figures.surface import round_ticks
from surefoot.report.numbers import number
from surefoot.search.axes import Axis
from surefoot.search.records import Configuration, Sweep
from surefoot.search.targets import kinds, profile, steps_to_target, target_loss

_RATIOS = np.geomspace(1, 16, 60)
_ROWS = 14
_FEW = 10  # evaluations that are marked in their line


def draw_sweep(sweep: Sweep, path: str | Path) -> Path:
    """Draw it to a .png, .svg or .html file.

    Raises:
        SettingError: Another suffix.
        MissingExtra: matplotlib is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".html":
        from surefoot.search.page import page

        return write_text(page(sweep), path)
    if suffix not in (".png", ".svg"):
        raise SettingError(
            f"{Path(path).name} is no picture that can be drawn: end it in .png, .svg or .html."
        )
    return write(sweep_figure(sweep), path)


def sweep_figure(sweep: Sweep) -> Any:
    """As a matplotlib figure: by the numbers that were swept, and beside it how soon, and how much slower."""
    swept = _swept(sweep)
    with styled():
        figure = new_figure(10.5, 7.4)
        rooms = figure.subplots(2, 2)
        if swept is None:
            _ranking(rooms[0][0], sweep)
        else:
            _by_number(rooms[0][0], sweep, swept)
        _steps(rooms[0][1], sweep, swept)
        _curves(rooms[1][0], sweep)
        _profile(rooms[1][1], sweep)
        figure.suptitle(f"{Path(sweep.script).name}: {_title(sweep)}", x=0.01, ha="left", fontsize=12)
    return figure


def _title(sweep: Sweep) -> str:
    best = sweep.verdict.best
    if best is None:
        return "nothing to recommend"
    sure = {
        True: "better than the next by more than the seeds differ",
        False: "the next is within what the seeds differ",
    }
    how = sure.get(sweep.verdict.beyond) if sweep.verdict.beyond is not None else None
    return f"use {best.said}" + (f"; {how}" if how else "")


def _swept(sweep: Sweep) -> Axis | None:
    """The axis of numbers that a picture goes over: the rate, else the first with three or more."""
    numbers = [a for a in sweep.axes if a.low is not None or (a.values and isinstance(a.values[0], float))]
    numbers = [a for a in numbers if len({c.setting.get(a.name) for c in sweep.configurations}) > 2]
    return next((a for a in numbers if a.name == "lr"), numbers[0] if numbers else None)


def _lines(sweep: Sweep, axis: Axis) -> dict[str, list[Configuration]]:
    """The best configuration at each value, for each kind."""
    groups = kinds(sweep)
    if len(groups) > len(COLORS) or all(len(each) == 1 for each in groups.values()):
        groups = {"": list(sweep.configurations)}
    found = {}
    for name, each in groups.items():
        best: dict[float, Configuration] = {}
        for configuration in each:  # best first
            best.setdefault(float(configuration.setting.get(axis.name)), configuration)
        found[name] = [best[value] for value in sorted(best)]
    return found


def _by_number(axes: Any, sweep: Sweep, swept: Axis) -> None:
    top = _top(sweep)
    for place, (name, line) in enumerate(_lines(sweep, swept).items()):
        color, marker = COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]
        at = [float(c.setting.get(swept.name)) for c in line]
        seeds = [[loss for loss in c.losses.values() if math.isfinite(loss)] for c in line]
        whole = [c.complete and not c.diverged for c in line]
        means = [c.mean if ok else math.nan for c, ok in zip(line, whole, strict=True)]
        lows = [min(s) if ok else math.nan for s, ok in zip(seeds, whole, strict=True)]
        highs = [max(s) if ok else math.nan for s, ok in zip(seeds, whole, strict=True)]
        axes.fill_between(at, lows, highs, color=color, alpha=0.18, lw=0)
        axes.plot(at, means, color=color, marker=marker, ms=5, lw=1.6, label=name or None)
        bad = [x for x, c in zip(at, line, strict=True) if c.diverged]
        # At the top of the axes: no loss that was measured stands there.
        edge = axes.get_xaxis_transform()
        axes.plot(bad, [0.98] * len(bad), "x", color=color, ms=7, mew=1.8, transform=edge)
    if swept.log:
        axes.set_xscale("log")
    _loss_axis(axes, sweep, top)
    axes.set_xlabel("learning rate" if swept.name == "lr" else swept.name)
    bands = ", band over the seeds" if sweep.seeds > 1 else ""
    diverged = ", × diverged" if any(c.diverged for c in sweep.configurations) else ""
    axes.set_title(f"{sweep.objective} at the end{bands}{diverged}", fontsize=10, fontweight="normal")
    if len(_lines(sweep, swept)) > 1:
        axes.legend()


def _top(sweep: Sweep) -> float:
    """Where the loss axis ends: what diverged or never began to train is not to squeeze the rest."""
    finite = [loss for c in sweep.configurations for loss in c.losses.values() if math.isfinite(loss)]
    begins = [
        curve[0][1]
        for c in sweep.configurations
        for r in c.results.values()
        if (curve := r.curve(sweep.objective)) and math.isfinite(curve[0][1])
    ]
    limit = max(begins, default=math.inf)
    return max((loss for loss in finite if loss <= 2 * limit), default=1.0)


def _loss_axis(axes: Any, sweep: Sweep, top: float) -> None:
    finite = [
        loss
        for c in sweep.configurations
        for loss in c.losses.values()
        if math.isfinite(loss) and loss <= top
    ]
    if finite and min(finite) > 0 and top > 5 * min(finite):
        _log_losses(axes, 0.8 * min(finite), 1.3 * top)
    elif finite:
        room = 0.05 * (top - min(finite)) or 0.05 * abs(top) or 1.0
        axes.set_ylim(min(finite) - room, top + 2 * room)
    axes.set_ylabel(sweep.objective)
    axes.grid(color=GRID, lw=0.6)


def _log_losses(axes: Any, low: float, high: float) -> None:
    """A log axis whose ticks read as the losses of the table do, 0.02 for 2 × 10⁻²."""
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ticks = round_ticks(low, high, True)
    axes.set_yticks(ticks, [number(tick) for tick in ticks.tolist()])
    axes.yaxis.set_minor_formatter("")


def _ranking(axes: Any, sweep: Sweep) -> None:
    """A dot a seed, where no number was swept."""
    shown = [c for c in sweep.configurations if c.losses][:_ROWS]
    for place, each in enumerate(shown):
        losses = [loss for loss in each.losses.values() if math.isfinite(loss)]
        axes.plot(losses, [place] * len(losses), "o", color=COLORS[1], ms=5, alpha=0.6)
        if math.isfinite(each.mean):
            axes.plot(each.mean, place, "|", color=INK, ms=16, mew=2)
    axes.set_yticks(range(len(shown)), [c.said for c in shown], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(sweep.objective)
    axes.grid(color=GRID, lw=0.6, axis="x")
    axes.set_title("at the end: a dot a seed, a line the mean", fontsize=10, fontweight="normal")


def _steps(axes: Any, sweep: Sweep, swept: Axis | None) -> None:
    target = target_loss(sweep)
    if target is None:
        _empty(axes, "no setting came to a finite loss")
        return
    axes.set_title(f"steps to a {sweep.objective} of {number(target)}", fontsize=10, fontweight="normal")
    if swept is None:
        named = [(c.said, steps_to_target(c, target)) for c in sweep.configurations[:_ROWS]]
        known = [(said, steps) for said, steps in named if steps is not None]
        axes.barh(range(len(known)), [steps for _, steps in known], color=COLORS[1], height=0.6)
        axes.set_yticks(range(len(known)), [said for said, _ in known], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("steps")
        return
    reached: list[float] = []
    for place, (name, line) in enumerate(_lines(sweep, swept).items()):
        at = [float(c.setting.get(swept.name)) for c in line]
        steps = [steps_to_target(c, target) for c in line]
        values = [math.nan if one is None else one for one in steps]
        reached += [one for one in steps if one is not None]
        color, marker = COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)]
        axes.plot(at, values, color=color, marker=marker, ms=5, lw=1.6, label=name or None)
    if swept.log:
        axes.set_xscale("log")
    values = [float(c.setting.get(swept.name)) for c in sweep.configurations]
    axes.set_xlim(*_with_room(min(values), max(values), swept.log))
    axes.set_ylim(0, 1.1 * max(reached, default=1))
    axes.set_xlabel("learning rate" if swept.name == "lr" else swept.name)
    axes.set_ylabel("steps, mean over the seeds")
    axes.grid(color=GRID, lw=0.6)


def _with_room(low: float, high: float, log: bool) -> tuple[float, float]:
    if log and low > 0:
        room = (high / low) ** 0.05
        return low / room, high * room
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _curves(axes: Any, sweep: Sweep) -> None:
    """Each kind at its best setting: every seed's loss over the steps."""
    firsts = {name: each[0] for name, each in list(kinds(sweep).items())[: len(COLORS)]}
    for place, (name, best) in enumerate(firsts.items()):
        for number_, (seed, result) in enumerate(sorted(best.results.items())):
            curve = [(step, loss) for step, loss in result.curve(sweep.objective) if math.isfinite(loss)]
            label = (best.said if len(firsts) > 1 or not name else name) if not number_ else None
            (line,) = axes.plot(*_split(curve), color=COLORS[place], lw=1.2, label=label)
            line.set_alpha(0.9 if seed == 0 else 0.55)
            if len(curve) < _FEW:
                line.set_marker(MARKERS[place])
    values = [
        loss for c in firsts.values() for r in c.results.values() for _, loss in r.curve(sweep.objective)
    ]
    finite = [loss for loss in values if math.isfinite(loss)]
    if finite and min(finite) > 0 and max(finite) > 5 * min(finite):
        _log_losses(axes, 0.8 * min(finite), 1.2 * max(finite))
    axes.set_xlabel("step")
    axes.set_ylabel(sweep.objective)
    axes.grid(color=GRID, lw=0.6)
    axes.set_title("each at its best setting, a line a seed", fontsize=10, fontweight="normal")
    if firsts:
        axes.legend(fontsize=8)


def _split(curve: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [step for step, _ in curve], [loss for _, loss in curve]


def _profile(axes: Any, sweep: Sweep) -> None:
    shares = profile(sweep, _RATIOS.tolist()) if 1 < len(kinds(sweep)) <= len(COLORS) else {}
    if not shares:
        _empty(axes, "a performance profile needs two kinds to compare, such as --optimizer sgd,adamw")
        return
    for place, (name, line) in enumerate(shares.items()):
        axes.step(_RATIOS, line, where="post", color=COLORS[place], lw=1.8, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    axes.set_xlim(1, 16)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("times the steps of the fastest")
    axes.set_ylabel("share of targets and seeds")
    axes.grid(color=GRID, lw=0.6)
    axes.set_title("performance profile, each at its best setting", fontsize=10, fontweight="normal")
    axes.legend()


def _empty(axes: Any, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", color=MUTED, fontsize=9, wrap=True)
