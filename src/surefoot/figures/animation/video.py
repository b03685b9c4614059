"""MP4 through imageio-ffmpeg, which brings its own ffmpeg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from surefoot.extras import needed_for
from surefoot.figures.animation.render import frames
from surefoot.figures.animation.scenes import Scene


def ffmpeg_or_raise() -> Any:
    """The imageio_ffmpeg module.

    Raises:
        MissingExtra: It is not installed.
    """
    with needed_for("MP4 files"):
        import imageio_ffmpeg
    return imageio_ffmpeg


def write_mp4(scene: Scene, path: Path, *, fps: float, hold: float) -> None:
    """Render and write an MP4 (H.264) that plays everywhere.

    Raises:
        MissingExtra: imageio-ffmpeg is not installed.
    """
    imageio_ffmpeg = ffmpeg_or_raise()
    writer = None
    last = None
    try:
        for picture in frames(scene):
            height, width = (side - side % 2 for side in picture.shape[:2])  # H.264 wants even sides
            last = np.ascontiguousarray(picture[:height, :width, :3])
            if writer is None:
                writer = imageio_ffmpeg.write_frames(
                    str(path),
                    (width, height),
                    fps=fps,
                    macro_block_size=2,
                    quality=8,
                    ffmpeg_log_level="error",
                )
                writer.send(None)
            writer.send(last)
        for _ in range(round(hold * fps)):
            assert writer is not None
            writer.send(last)
    finally:
        if writer is not None:
            writer.close()
