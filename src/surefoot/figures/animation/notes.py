"""Text that changes with every frame, drawn by Pillow: matplotlib takes a millisecond and more for each."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.figures.canvas import INK

_PAD = 4  # pixels


class Note:
    """A line or two in a corner of some axes, on white.

    Args:
        axes: Where.
        corner: "left": bottom left; "right": top right.
        size: Points.
    """

    def __init__(self, axes: Any, *, corner: str = "left", size: float = 10) -> None:
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
        if self.corner == "left":
            left, bottom = round(frame.x0) + 6, canvas.shape[0] - round(frame.y0) - 6
            top = bottom - height
        else:
            left, top = round(frame.x1) - width - 6, canvas.shape[0] - round(frame.y1) + 6
        top, left = max(top, 0), max(left, 0)
        room = canvas[top : top + height, left : left + width]
        room[...] = picture[: room.shape[0], : room.shape[1]]


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
