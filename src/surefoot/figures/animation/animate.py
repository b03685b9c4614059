"""One door: what moves and a path, and the suffix says what is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from surefoot.errors import SettingError
from surefoot.figures.animation.gif import write_gif
from surefoot.figures.animation.player import player_page
from surefoot.figures.animation.scenes import Scene, curves_scene, fit_scene, path_scene
from surefoot.figures.animation.video import ffmpeg_or_raise, write_mp4
from surefoot.figures.canvas import matplotlib_or_raise, write_text
from surefoot.records import History
from surefoot.surfaces import Fit, Surface


def animate(
    what: Scene | Surface | Fit | History,
    path: str | os.PathLike[str],
    *,
    fps: float = 20,
    hold: float = 2.0,
    **options: Any,
) -> Path:
    """Write an animation as .gif, .mp4 or .html (a self-contained player).

    Args:
        what: A scene (`fit_scene`, `path_scene`, `rates_scene`, `curves_scene`), or a record: a Surface
            shows its paths running over it, a Fit the curve over the data, a History loss and gradient norm
            as they grow.
        path: Its suffix chooses.
        fps: Frames a second, at most 50.
        hold: Seconds the last frame stays.
        options: Of the scene made from a record: frames, logarithmic …

    Returns:
        The path written.

    Raises:
        SettingError: A suffix, speed or record that cannot be animated.
        MissingExtra: matplotlib, Pillow or (for MP4) imageio-ffmpeg is not installed.
    """
    target = Path(path)
    suffix = needs(target)
    if not 0 < fps <= 50 or not hold >= 0:
        raise SettingError(
            f"fps {fps} with hold {hold} cannot be shown; fps is in (0, 50], hold is not negative"
        )
    scene = _scene(what, options)
    if suffix == ".html":
        return write_text(player_page(scene, fps=fps), target)
    partial = target.with_name(f".{target.stem}.{os.getpid()}{suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        (write_gif if suffix == ".gif" else write_mp4)(scene, partial, fps=fps, hold=hold)
        os.replace(partial, target)
    except OSError as error:
        raise SettingError(
            f"cannot write {target} ({error.strerror or error}); choose another place"
        ) from error
    finally:
        if partial.is_file():
            partial.unlink()
    return target


def needs(path: Path) -> str:
    """Make sure that an animation can be written before there is one.

    Returns:
        The path's suffix.

    Raises:
        SettingError: It is none of an animation.
        MissingExtra: What writes it is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in (".gif", ".mp4", ".html"):
        raise SettingError(f"{path.name} is no animation that can be written; end it in .gif, .mp4 or .html")
    matplotlib_or_raise()
    if suffix == ".mp4":
        ffmpeg_or_raise()
    return suffix


def _scene(what: Scene | Surface | Fit | History, options: dict[str, Any]) -> Scene:
    if isinstance(what, Scene):
        if options:
            raise SettingError(f"{', '.join(options)} belong to the scene; give them when it is made")
        return what
    if isinstance(what, Surface):
        return path_scene(what, **options)
    if isinstance(what, Fit):
        return fit_scene(what, **options)
    if isinstance(what, History):
        named = {"title": what.run.name} | options
        return curves_scene(what.series("loss"), what.series("grad_norm"), **named)
    raise SettingError(
        f"a {type(what).__name__} cannot be animated; pass a Scene, a Surface, a Fit or a History"
    )
