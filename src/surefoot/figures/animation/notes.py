"""Text that changes with every frame, drawn by Pillow: matplotlib takes a millisecond and more for each."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.figures.canvas import INK

CORNERS = {"bottom left": (0, 0), "bottom right": (1, 0), "top left": (0, 1), "top right": (1, 1)}
_PAD = 4  # pixels


class Note:
    """A line or two in a corner of some axes, on white.

    Args:
        axes: Where.
        corner: Name in `CORNERS`.
        size: Points.
    """

    def __init__(self, axes: Any, *, corner: str = "bottom left", size: float = 10) -> None:
        self.axes, self.corner = axes, corner
        self.pixels = round(size * axes.figure.dpi / 72)
        self.text = ""

    def paint(self, canvas: NDArray[np.uint8]) -> None:
        """Draw the text into a frame, shape (height, width, 4)."""
        if not self.text:
            return
        picture = _text(self.text, self.pixels)
        height, width = picture.shape[:2]
        frame = self.axes.get_window_extent()
        right, upper = CORNERS[self.corner]
        left = round(frame.x1) - width - 6 if right else round(frame.x0) + 6
        top = canvas.shape[0] + (6 - round(frame.y1) if upper else -round(frame.y0) - 6 - height)
        top, left = max(top, 0), max(left, 0)
        room = canvas[top : top + height, left : left + width]
        room[...] = picture[: room.shape[0], : room.shape[1]]


def free_corner(axes: Any, points: NDArray[np.float64], taken: Collection[str] = ()) -> str:
    """The corner of some axes that is farthest from all points.

    Args:
        axes: With their limits set.
        points: Shape (n, 2), in data coordinates; those outside and those that are not finite do not count.
        taken: Corners that hold something else.
    """
    seen = axes.transAxes.inverted().transform(
        axes.transData.transform(points[np.isfinite(points).all(axis=1)])
    )
    seen = seen[((seen >= 0) & (seen <= 1)).all(axis=1)]
    free = [name for name in CORNERS if name not in taken]
    if not len(seen):
        return free[0]
    return max(free, key=lambda name: float(np.abs(seen - CORNERS[name]).max(axis=1).min()))


def _text(text: str, size: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    font = _font(size)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
        (0, 0), text, font=font
    )
    image = Image.new("RGBA", (int(right - left) + 2 * _PAD, int(bottom - top) + 2 * _PAD), "white")
    ImageDraw.Draw(image).multiline_text((_PAD - left, _PAD - top), text, font=font, fill=INK)
    return np.asarray(image)


@cache
def _font(size: int) -> Any:
    from matplotlib.font_manager import FontProperties, findfont
    from PIL import ImageFont

    return ImageFont.truetype(findfont(FontProperties(family="DejaVu Sans")), size)
