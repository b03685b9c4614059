"""The clipper that `clip=` means, in `watch` and in `fit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from surefoot.clipping.autoclip import AutoClip
from surefoot.clipping.base import Clipper
from surefoot.clipping.by_norm import ClipByNorm
from surefoot.errors import SettingError


def chosen(clip: Any, **common: Any) -> Clipper:
    """The clipper that a setting means.

    Args:
        clip: "auto" for AutoClip, a number for the largest norm, or a clipper, as it is.
        common: Settings of a clipper that is made here, as for `Clipper`.

    Raises:
        SettingError: It is nothing of the kind.

    Example:
        >>> chosen(1.0).max_norm
        1.0
    """
    if isinstance(clip, Clipper):
        return clip
    if isinstance(clip, str) and clip == "auto":
        return AutoClip(**common)
    if isinstance(clip, int | float) and not isinstance(clip, bool):
        return ClipByNorm(float(clip), **common)
    raise SettingError(
        f"clip is {clip!r}: use 'auto', a largest norm, None or a clipper such as AutoClip(10)."
    )


def maker(percentile: float | None, max_norm: float | None) -> Callable[[], Clipper] | None:
    """What gives each optimizer a clipper of its own; None where nothing is to be clipped.

    Args:
        percentile: Of AutoClip.
        max_norm: Of ClipByNorm, where no percentile is given.

    Example:
        >>> maker(None, 2.0)().max_norm
        2.0
    """
    if percentile is not None:
        return lambda: AutoClip(percentile)
    if max_norm is not None:
        return lambda: ClipByNorm(max_norm)
    return None
