"""Which steps become frames: every early one, then ever fewer, and the last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import SettingError


def chosen(count: int, frames: int) -> NDArray[np.int64]:
    """Indices of the points to show: all, or spaced geometrically, the first and the last among them.

    Args:
        count: Points there are.
        frames: Most frames.

    Example:
        >>> chosen(1000, 12).tolist()
        [0, 1, 3, 6, 11, 22, 42, 80, 151, 284, 533, 999]
    """
    if frames < 2:
        raise SettingError(f"frames is {frames}; an animation needs at least 2")
    if count < 1:
        raise SettingError("there is no step to show; record a training first")
    if count <= frames:
        return np.arange(count)
    # Geometric spacing repeats its first numbers: each repetition is spent further on.
    dense = frames
    while True:
        picked = np.unique(np.rint(np.geomspace(1, count, dense)).astype(np.int64)) - 1
        if len(picked) >= frames:
            break
        dense += max(1, frames - len(picked))
    while len(picked) > frames:  # the last but one goes: the ends stay, and so do the early steps
        picked = np.delete(picked, -2)
    return picked
