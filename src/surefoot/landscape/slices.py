"""Slices: loss and slope along one parameter, along a direction, between two checkpoints."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from surefoot.errors import SettingError
from surefoot.landscape.directions import scalar_direction
from surefoot.landscape.evaluation import Progress, evaluate
from surefoot.landscape.objective import Objective, State
from surefoot.surfaces import Floats, Slice


def slice_along_parameter(
    objective: Objective,
    scalar: str,
    *,
    span: float | tuple[float, float] = 1.0,
    points: int = 101,
    others: Literal["held", "averaged"] = "held",
    others_span: float = 1.0,
    samples: int = 32,
    **options: Any,
) -> Slice:
    """Loss and slope as one scalar parameter moves.

    Args:
        objective: The function.
        scalar: "weight[0, 3]", or "bias" of one entry.
        span: How far to each side of the trained value, or (lowest, highest) value.
        points: How many; an odd number meets the trained value exactly when `span` is a distance.
        others: "held": the other parameters stay trained. "averaged": loss and slope are means over settings
            of the others within `others_span` of their trained values; evenly spaced if there is one other
            scalar, seeded uniform draws otherwise.
        others_span: Half the width of that range, in parameter units.
        samples: How many settings.
        options: Of `evaluate`: way, progress, resume.

    Returns:
        Positions are the parameter's values.
    """
    value = float(objective.center[objective.position_of(scalar)])
    direction = scalar_direction(objective, scalar)
    offsets, positions = _offsets(span, value, points)
    if others == "held":
        done = evaluate(objective, [direction], offsets[:, None], slopes=True, **options)
        assert done.slopes is not None
        losses, slopes, low, high = done.losses, done.slopes[:, 0], None, None
        way = done.way
    elif others == "averaged":
        settings = _other_settings(objective, direction, others_span, samples)
        origins = [(settings[i] - objective.center) for i in range(len(settings))]
        every, all_slopes = [], []
        way = ""
        for origin in origins:
            done = evaluate(
                objective,
                [direction],
                offsets[:, None],
                origin=objective.center + origin,
                slopes=True,
                **options,
            )
            assert done.slopes is not None
            every.append(done.losses)
            all_slopes.append(done.slopes[:, 0])
            way = done.way
        stacked = np.stack(every)
        losses, slopes = stacked.mean(0), np.stack(all_slopes).mean(0)
        low, high = stacked.min(0), stacked.max(0)
    else:
        raise SettingError(f'others is {others!r}; choose "held" or "averaged"')
    extra = {} if others == "held" else {"others_span": others_span, "samples": len(every)}
    return Slice(
        name=scalar,
        kind="parameter",
        positions=positions,
        losses=losses,
        slopes=slopes,
        center=value,
        center_loss=objective.loss_at(objective.center),
        others=others,
        low=low,
        high=high,
        settings=objective.settings() | {"way": way} | extra,
    )


def slice_along_direction(
    objective: Objective,
    direction: Tensor,
    *,
    span: float | tuple[float, float] = 1.0,
    points: int = 101,
    name: str = "direction",
    **options: Any,
) -> Slice:
    """Loss and slope at trained point + t * direction.

    Args:
        objective: The function.
        direction: Shape (size,); see `random_direction`.
        span: t from -span to span, or (lowest, highest).
        points: How many; an odd number meets the trained point exactly when `span` is a distance.
        name: For the picture.
        options: Of `evaluate`: way, progress, resume.
    """
    offsets, _ = _offsets(span, 0.0, points)
    done = evaluate(objective, [direction], offsets[:, None], slopes=True, **options)
    assert done.slopes is not None
    return Slice(
        name=name,
        kind="direction",
        positions=offsets,
        losses=done.losses,
        slopes=done.slopes[:, 0],
        center=0.0,
        center_loss=objective.loss_at(objective.center),
        settings=objective.settings() | {"way": done.way, "length": float(direction.norm())},
    )


def slice_between(
    objective: Objective,
    first: State,
    second: State,
    *,
    beyond: float = 0.25,
    points: int = 61,
    name: str = "first to second",
    **options: Any,
) -> Slice:
    """Loss and slope on the line through two checkpoints: 0 is the first, 1 the second.

    Args:
        objective: The function; its own trained point plays no part.
        first: A state dict.
        second: Another of the same model.
        beyond: How far to go past both ends, as a share of the distance.
        points: How many between and beyond; both ends are among them whatever the number.
        name: For the picture.
        options: Of `evaluate`: way, progress, resume.

    Source: Goodfellow, Vinyals, Saxe 2015, arXiv:1412.6544. Buffers (batch-norm statistics) are the
    objective's own.
    """
    start, end = objective.flat(first), objective.flat(second)
    if torch.equal(start, end):
        raise SettingError("the two checkpoints are the same point; there is no line between them")
    factors = np.unique(np.concatenate([np.linspace(-beyond, 1 + beyond, points), [0.0, 1.0]]))
    factors = _distinct(factors)
    done = evaluate(objective, [end - start], factors[:, None], origin=start, slopes=True, **options)
    assert done.slopes is not None
    return Slice(
        name=name,
        kind="between",
        positions=factors,
        losses=done.losses,
        slopes=done.slopes[:, 0],
        center=0.0,
        center_loss=objective.loss_at(start),
        settings=objective.settings() | {"way": done.way, "length": float((end - start).norm())},
    )


def even_offsets(span: float, points: int) -> Floats:
    """`points` offsets from -span to span; the middle one of an odd number is exactly 0.

    Raises:
        SettingError: Fewer than two points, or a span that is not positive.
    """
    if points < 2:
        raise SettingError(f"points is {points}; a landscape needs at least 2")
    if not span > 0 or not np.isfinite(span):
        raise SettingError(f"span is {span}; it must be a positive number")
    # Whole numbers scaled: symmetric, and 0 is exact.
    return np.asarray(np.arange(1 - points, points, 2) * (span / (points - 1)), dtype=np.float32).astype(
        np.float64
    )


def _offsets(span: float | tuple[float, float], value: float, points: int) -> tuple[Floats, Floats]:
    """Offsets from the trained value, and positions."""
    if isinstance(span, tuple):
        low, high = span
        if points < 2 or not high > low:
            raise SettingError(
                f"span {span} with {points} points is no range; give (lowest, highest) and 2 or more"
            )
        positions = np.linspace(low, high, points)
        return positions - value, positions
    offsets = even_offsets(span, points)
    return offsets, value + offsets


def _other_settings(objective: Objective, direction: Tensor, span: float, samples: int) -> Tensor:
    """Points whose other scalars are spread over their range, shape (samples, size)."""
    if samples < 1:
        raise SettingError(f"samples is {samples}; averaging needs at least 1")
    rest = (direction == 0).nonzero().flatten()
    if len(rest) == 0:
        raise SettingError('the model has one scalar, so there is nothing to average over; use others="held"')
    points = objective.center.repeat(samples, 1)
    if len(rest) == 1:
        points[:, rest[0]] += torch.linspace(-span, span, samples, dtype=points.dtype)
    else:
        generator = torch.Generator().manual_seed(objective.seed)
        drawn = (2 * torch.rand(samples, len(rest), generator=generator, dtype=points.dtype) - 1) * span
        points[:, rest] += drawn.to(points.device)
    return points


def _distinct(factors: Floats) -> Floats:
    """Without neighbours that differ by rounding only; the whole numbers stay."""
    keep = [True] * len(factors)
    for i, value in enumerate(factors):
        near = [j for j in range(len(factors)) if j != i and abs(factors[j] - value) < 1e-9]
        if near and value not in (0.0, 1.0):
            keep[i] = False
    return np.asarray(factors[np.array(keep)])


__all__ = ["Progress", "even_offsets", "slice_along_direction", "slice_along_parameter", "slice_between"]
