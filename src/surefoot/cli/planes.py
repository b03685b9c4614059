"""Which plane `surefoot landscape` and `surefoot animate` draw, and how far it goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from surefoot.errors import MissingExtra, SettingError
from surefoot.extras import needed_for

if TYPE_CHECKING:
    from torch import Tensor

    from surefoot.cli.subjects import Subject
    from surefoot.surfaces import Surface

PLANE_POINTS = 31
_ROOM = 0.25  # around a path, as a share of its extent


def surface_of(
    subject: Subject,
    x: str | None,
    y: str | None,
    plane: str | None,
    spans: tuple[Any, Any],
    states: list[Path],
    seed: int,
    options: dict[str, Any],
) -> Surface:
    """The surface asked for: through checkpoints, over two scalars, or the plane of the path.

    Args:
        subject: Whose loss.
        x: A scalar, as the first axis of a grid.
        y: Another.
        plane: "random", "principal" or "checkpoints".
        spans: How far each axis goes; None leaves it to the surface.
        states: Two files of saved weights.
        seed: Of random directions.
        options: Of the functions of `surefoot.landscape`: points, progress …
    """
    from surefoot.landscape.easy import two_scalars

    if states:
        first, second = (saved_state(path) for path in states)
        names = (states[0].stem, states[1].stem)
        return checkpoints_through(subject, first, second, names, options)
    axes = (x, y) if x is not None and y is not None else subject.axes if plane is None else None
    if axes is None and plane is None and subject.objective.size == 2:
        axes = two_scalars(subject.objective)
    if axes is not None:
        return grid_over(subject, axes, spans, x is None, options)
    return plane_of(subject, plane, spans[0], seed, options)


def plane_of(subject: Subject, plane: str | None, span: Any, seed: int, options: dict[str, Any]) -> Surface:
    """The plane asked for; else that of the path if it spans one, else a random one."""
    from surefoot.landscape import principal_plane, random_plane

    options = {"points": PLANE_POINTS} | options
    if plane == "checkpoints":
        start, half = _on_the_way(subject)
        _no_span(span, "checkpoints")
        return checkpoints_through(subject, start, half, ("start", "halfway"), options)
    if plane == "principal" or (plane is None and span is None and spans_a_plane(subject)):
        _no_span(span, "principal")
        return principal_plane(subject.objective, subject.trajectories, **options)
    if isinstance(span, tuple):
        if span[0] != -span[1]:
            raise SettingError(f"--span {span[0]:g}:{span[1]:g}: a random plane goes as far to both sides.")
        span = span[1]
    given = options | ({} if span is None else {"span": span})
    return random_plane(subject.objective, seed=seed, trajectories=subject.trajectories, **given)


def grid_over(
    subject: Subject, axes: tuple[str, str], spans: tuple[Any, Any], its_own: bool, options: dict[str, Any]
) -> Surface:
    """The grid of two scalars, as far as was asked for, or as the path goes."""
    from surefoot.landscape import grid

    ranges: list[Any] = list(spans if spans[1] is not None else (spans[0], spans[0]))
    for side in (0, 1):
        if ranges[side] is None:
            given = subject.ranges[side] if its_own and subject.ranges is not None else None
            ranges[side] = given or _around_path(subject, axes[side])
    x_range, y_range = ranges
    named: dict[str, Any] = {"x_range": x_range, "y_range": y_range, "trajectories": subject.trajectories}
    if its_own and subject.ranges is not None:
        named["descent"] = False  # a recipe draws its own
    named |= options
    return grid(subject.objective, axes[0], axes[1], **named)


def checkpoints_through(
    subject: Subject,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    names: tuple[str, str],
    options: dict[str, Any],
) -> Surface:
    """The plane through the trained point and two others."""
    from surefoot.landscape import checkpoint_plane

    return checkpoint_plane(
        subject.objective, first, second, names=names, trajectories=subject.trajectories, **options
    )


def spans_a_plane(subject: Subject) -> bool:
    """Whether the paths have two directions."""
    from surefoot.landscape import principal_directions

    try:
        principal_directions(subject.objective, subject.trajectories)
    except SettingError:
        return False
    return True


def saved_state(path: Path) -> Mapping[str, Tensor]:
    """The state dict of a file: torch's own (weights only) or safetensors.

    Raises:
        SettingError: There is none in it.
    """
    import pickle

    import torch

    try:
        if path.suffix == ".safetensors":
            with needed_for("checkpoints in this format"):
                from safetensors.torch import load_file
            return dict(load_file(path))
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise SettingError(f"--checkpoint {path}: there is no such file.") from None
    except MissingExtra:
        raise
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ImportError) as error:
        why = str(error).splitlines()[0][:120]
        raise SettingError(f"--checkpoint {path} cannot be read as saved weights ({why}).") from None
    for key in ("model", "state_dict", "model_state_dict"):  # as training scripts often nest them
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not any(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise SettingError(
            f"--checkpoint {path} holds no state dict; save one by torch.save(model.state_dict(), …)."
        )
    return {name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)}


def _on_the_way(subject: Subject) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """States at the start and halfway of the first path."""
    import torch

    full = subject.trajectories[0].full
    if len(full) < 3:
        raise SettingError("the path has fewer than three points; a plane through checkpoints needs three.")
    objective = subject.objective
    start, half = (torch.from_numpy(full[i]).to(objective.center) for i in (0, len(full) // 2))
    return objective.unflat(start), objective.unflat(half)


def _around_path(subject: Subject, scalar: str) -> float | tuple[float, float]:
    position = subject.objective.position_of(scalar)
    whole = [t.points[:, position] for t in subject.trajectories if t.seed is None]
    if not whole:
        return 1.0
    values = np.concatenate([*whole, [float(subject.objective.center[position])]]).astype(float)
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    room = _ROOM * (high - low) or 1.0
    return low - room, high + room


def _no_span(span: Any, plane: str) -> None:
    if span is not None:
        raise SettingError(
            f"--span is for grids, slices and random planes; the {plane} plane goes around its path."
        )
