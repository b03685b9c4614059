"""Frames of a scene: the still part is drawn once, the moving artists are drawn over a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.figures.animation.scenes import Scene
from surefoot.figures.canvas import styled

Pixels = NDArray[np.uint8]  # (height, width, 4)


def background(scene: Scene) -> Pixels:
    """The still part."""
    with styled():
        for artist in scene.artists:
            artist.set_animated(True)
        scene.figure.canvas.draw()
        scene.figure.set_layout_engine("none")  # nothing may move from here on
        return np.asarray(scene.figure.canvas.buffer_rgba()).copy()


def frames(scene: Scene) -> Iterator[Pixels]:
    """Each frame in order; the array is the canvas's own, so copy what is kept."""
    background(scene)
    canvas = scene.figure.canvas
    still = canvas.copy_from_bbox(scene.figure.bbox)
    with styled():
        for frame in range(len(scene)):
            canvas.restore_region(still)
            scene.update(frame)
            for artist in scene.artists:
                artist.axes.draw_artist(artist)
            picture = np.asarray(canvas.buffer_rgba())
            for note in scene.notes:
                note.paint(picture)
            yield picture


def box(changed: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom around what is true; None if nothing is."""
    rows = np.flatnonzero(changed.any(axis=1))
    if len(rows) == 0:
        return None
    columns = np.flatnonzero(changed[rows[0] : rows[-1] + 1].any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def words(pixels: Pixels) -> NDArray[np.uint32]:
    """Four bytes a pixel as one number, to compare at once."""
    return np.ascontiguousarray(pixels).view(np.uint32)[..., 0]


def rgb(pixels: Any) -> Any:
    """A Pillow image of a part of a frame, without its alpha."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
