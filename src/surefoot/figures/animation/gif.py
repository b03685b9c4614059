"""GIF: one palette for all frames, so nothing flickers; each frame holds only what changed since the last."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.figures.animation.render import Pixels, box, frames, rgb, words
from surefoot.figures.animation.scenes import Scene

_EXACT = 96  # colours kept exactly
_CLEAR = 255  # palette index of "as in the frame before"


def write_gif(scene: Scene, path: Path, *, fps: float, hold: float) -> None:
    """Render and write a GIF that repeats for ever.

    Args:
        scene: What to render.
        path: Where to.
        fps: Frames a second; a GIF counts in hundredths of a second.
        hold: Seconds the last frame stays.
    """
    pictures = [picture.copy() for picture in frames(scene)]
    palette = _Palette([pictures[0], pictures[len(pictures) // 2], pictures[-1]])
    height, width = pictures[0].shape[:2]
    with path.open("wb") as file:
        file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0))
        file.write(palette.table())
        file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", 0) + b"\0")
        previous = None
        pending: tuple[bytes, int] | None = None
        delay = max(2, round(100 / fps))  # browsers slow anything shorter down
        for picture in pictures:
            now = words(picture)
            changed = np.ones(now.shape, dtype=bool) if previous is None else now != previous
            place = box(changed)
            previous = now
            if place is None and pending is not None:
                pending = (pending[0], pending[1] + delay)
                continue
            if pending is not None:
                file.write(_timed(*pending))
            pending = (_image(picture, changed, place or (0, 0, 1, 1), palette), delay)
        assert pending is not None
        file.write(_timed(pending[0], round(100 * hold)))
        file.write(b"\x3b")


class _Palette:
    """255 colours that serve all frames, and the nearest of them for any colour."""

    def __init__(self, pictures: Sequence[Pixels]) -> None:
        from PIL import Image

        # Median cut averages; areas of one colour (paper, contour bands) must come out exactly as drawn.
        values, counts = np.unique(
            np.concatenate([words(p)[::3, ::3].ravel() for p in pictures]), return_counts=True
        )
        flat = values[np.argsort(counts)[::-1][:_EXACT]].astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
        together = rgb(np.concatenate([p[::2, ::2] for p in pictures]))
        few = together.quantize(_CLEAR - len(flat), method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        others = np.frombuffer(few.palette.palette, dtype=np.uint8).reshape(-1, 3)
        self.colors = np.concatenate([flat, others])[:_CLEAR].astype(np.int32)
        self.nearest = np.full(1 << 18, -1, dtype=np.int16)  # by the upper six bits of each channel
        self.nearest[_cells(self.colors)[::-1]] = np.arange(len(self.colors))[::-1]

    def indices(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Palette index of each of the pixels, shape (n, 4) to (n,)."""
        cells = _cells(pixels.astype(np.int32))
        found = self.nearest[cells]
        missing = found < 0
        if missing.any():
            new, first = np.unique(cells[missing], return_index=True)
            asked = pixels[missing][first].astype(np.int32)[:, :3]
            self.nearest[new] = ((asked[:, None] - self.colors[None]) ** 2).sum(-1).argmin(1)
            found = self.nearest[cells]
        return found.astype(np.uint8)

    def table(self) -> bytes:
        """256 colours, three bytes each."""
        return self.colors.astype(np.uint8).tobytes().ljust(768, b"\0")


def _cells(colors: NDArray[np.int32]) -> NDArray[np.int32]:
    return (colors[..., 0] >> 2) << 12 | (colors[..., 1] >> 2) << 6 | colors[..., 2] >> 2


def _image(picture: Pixels, changed: Any, place: tuple[int, int, int, int], palette: _Palette) -> bytes:
    left, top, right, bottom = place
    here = changed[top:bottom, left:right]
    indices = np.full(here.shape, _CLEAR, dtype=np.uint8)
    indices[here] = palette.indices(picture[top:bottom, left:right][here])
    return _block(indices, left, top)


def _block(indices: Any, left: int, top: int) -> bytes:
    """Image descriptor and compressed data; Pillow's encoder does the compression, in a file of one frame."""
    from PIL import Image

    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette(bytes(768))
    single = io.BytesIO()
    image.save(single, "GIF", interlace=0, optimize=False)
    data = single.getvalue()
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while data[at] == 0x21:  # skip extensions
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    height, width = indices.shape
    flags = data[at + 9]
    at += 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    return b"\x2c" + struct.pack("<HHHHB", left, top, width, height, 0) + data[at : data.rindex(b"\x3b")]


def _timed(block: bytes, delay: int) -> bytes:
    # Disposal 1: leave the frame, the next is drawn over it.
    return b"\x21\xf9\x04" + struct.pack("<BHB", 0x05, delay, _CLEAR) + b"\0" + block
