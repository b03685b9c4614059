"""Surfaces of trained models as the lab's data: losses on a grid, the path that was taken, where to start."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.figures.page import plain
from surefoot.surfaces import Floats, Surface


def plane_data(surface: Surface, title: str | None = None) -> dict[str, Any]:
    """What the page needs of a surface, as JSON values.

    Args:
        surface: Its axes must be evenly spaced, as those of all planes and grids are.
        title: What the list of surfaces calls it; default: the names of its axes.

    Raises:
        SettingError: Fewer than four points along an axis, uneven spacing, or no finite loss at all.
    """
    for axis in (surface.x, surface.y):
        _check(axis)
    losses = surface.losses
    start = _start(surface)
    return {
        "title": title or f"Plane of {surface.x_name} and {surface.y_name}",
        "sentence": f"{surface.statement}.",
        "names": [surface.x_name, surface.y_name],
        "x": plain(surface.x),
        "y": plain(surface.y),
        "losses": plain(losses),
        "center": [float(v) for v in surface.center],
        "lowest": surface.minimum[2],
        "start": start,
        "paths": [plain(path.points) for path in surface.paths],
        "rate": _rate(surface, start),
    }


def _check(axis: Floats) -> None:
    if len(axis) < 4:
        raise SettingError(
            f"a plane of {len(axis)} points along an axis is too coarse for the lab; take 4 at least."
        )
    gaps = np.diff(axis)
    if not np.allclose(gaps, gaps[0], rtol=1e-6, atol=0) or not gaps[0] > 0:
        raise SettingError("the lab interpolates between evenly spaced points; this surface's are not.")


def _start(surface: Surface) -> list[float]:
    """Where a path began if that is on the grid; else the highest finite loss on it."""
    for path in surface.paths:
        x, y = (float(v) for v in path.points[0])
        if surface.x[0] <= x <= surface.x[-1] and surface.y[0] <= y <= surface.y[-1]:
            return [x, y]
    inner = np.where(np.isfinite(surface.losses), surface.losses, -np.inf)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(inner)), inner.shape)
    return [float(surface.x[column + 1]), float(surface.y[row + 1])]


def _rate(surface: Surface, start: list[float]) -> float:
    """A rate for plain descent: the inverse of a curvature that is large on the grid, but a short first step.

    The ninth decile of the positive second differences: a wall at the edge has larger ones, and would make the rate
    useless everywhere else. The first step goes through a tenth of the grid at most.
    """
    hx, hy = (float(axis[1] - axis[0]) for axis in (surface.x, surface.y))
    curvatures = np.concatenate(
        [
            (np.diff(surface.losses, 2, axis=1) / hx**2).ravel(),
            (np.diff(surface.losses, 2, axis=0) / hy**2).ravel(),
        ]
    )
    positive = curvatures[np.isfinite(curvatures) & (curvatures > 0)]
    rate = 1 / float(np.quantile(positive, 0.9)) if len(positive) else 0.1
    slopes = np.gradient(surface.losses, hy, hx)
    row, column = (
        int(np.argmin(abs(axis - at))) for axis, at in ((surface.y, start[1]), (surface.x, start[0]))
    )
    slope = float(np.hypot(slopes[0][row, column], slopes[1][row, column]))
    extent = min(hx * (len(surface.x) - 1), hy * (len(surface.y) - 1))
    if slope > 0:
        rate = min(rate, extent / 10 / slope)
    return float(f"{min(max(rate, 1e-5), 100):.2g}")
