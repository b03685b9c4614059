"""How soon a loss is reached: the steps to a target that the best of every kind comes to. No torch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from surefoot.search.records import Configuration, Sweep
from surefoot.search.results import Curve

_ROUNDED = 1e-5  # relative: curves are kept to six digits
_FEW = 4  # kinds that are told apart by name


def kinds(sweep: Sweep) -> dict[str, list[Configuration]]:
    """Configurations by the first thing of which words were varied (most often the optimizer), best first in each.

    Where there is none, each configuration that trained is a kind of its own.
    """
    axis = next((a for a in sweep.axes if len(a.values) > 1 and isinstance(a.values[0], str)), None)
    found: dict[str, list[Configuration]] = {}
    for each in sweep.configurations:
        name = each.said if axis is None else str(each.setting.get(axis.name))
        found.setdefault(name, []).append(each)
    if axis is not None and axis.name != "optimizer":
        return {f"{axis.name.strip('-=')} {name}": each for name, each in found.items()}
    return found


def target_loss(sweep: Sweep) -> float | None:
    """The loss that every kind reaches from every seed at its best setting: the greatest of what they end with.

    Where settings are no more than numbers, the median of those that trained, since the worst says nothing.
    """
    firsts = [each[0] for each in kinds(sweep).values() if math.isfinite(each[0].mean)]
    reached = sorted(max(first.losses.values()) for first in firsts if first.losses)
    if not reached:
        return None
    return reached[-1] if len(reached) <= _FEW else statistics.median_low(reached)


def steps_to_target(configuration: Configuration, target: float) -> float | None:
    """Mean steps until the loss is at the target; None where a seed never comes to it."""
    found = [first_step(r.curve(configuration.objective), target) for r in configuration.results.values()]
    known = [step for step in found if step is not None]
    return statistics.fmean(known) if known and len(known) == len(found) else None


def first_step(curve: Curve, target: float) -> int | None:
    """The first step at which a curve is at or below a target.

    Example:
        >>> first_step(((10, 2.0), (20, 1.0), (30, 0.5)), 1.2)
        20
    """
    reached = target + _ROUNDED * abs(target)
    return next((step for step, loss in curve if loss <= reached), None)


def profile(sweep: Sweep, ratios: Sequence[float]) -> dict[str, list[float]]:
    """Performance profile: the share of (seed, target) of which each kind, at its best setting, is at most so many
    times slower than the fastest.

    Args:
        sweep: Several kinds.
        ratios: From 1 on.

    Source: Dolan, Moré 2002, "Benchmarking optimization software with performance profiles".
    """
    firsts = {name: each[0] for name, each in kinds(sweep).items() if math.isfinite(each[0].mean)}
    problems = [_times(firsts, seed, loss) for seed in range(sweep.seeds) for loss in _targets(sweep, firsts)]
    problems = [times for times in problems if any(t is not None for t in times.values())]
    if not problems:
        return {}
    return {name: [_share(problems, name, ratio) for ratio in ratios] for name in firsts}


def _targets(sweep: Sweep, firsts: dict[str, Configuration]) -> list[float]:
    """Ten losses from where the trainings begin to what the best one reaches, in equal factors."""
    curves = [r.curve(sweep.objective) for c in firsts.values() for r in c.results.values()]
    finite = [[loss for _, loss in curve if math.isfinite(loss)] for curve in curves]
    begin = max((losses[0] for losses in finite if losses), default=0.0)
    end = min((losses[-1] for losses in finite if losses), default=0.0)
    if not 0 < end < begin:
        return []
    return [begin * (end / begin) ** (k / 10) for k in range(1, 11)]


def _times(firsts: dict[str, Configuration], seed: int, target: float) -> dict[str, int | None]:
    return {
        name: first_step(c.results[seed].curve(c.objective), target) if seed in c.results else None
        for name, c in firsts.items()
    }


def _share(problems: Sequence[dict[str, int | None]], name: str, ratio: float) -> float:
    solved = 0
    for times in problems:
        best = min(time for time in times.values() if time is not None)
        mine = times[name]
        solved += mine is not None and mine <= ratio * best
    return solved / len(problems)
