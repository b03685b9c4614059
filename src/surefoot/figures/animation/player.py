"""A page that plays: the still part once, and for each frame only what lies over it."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np

from surefoot.figures.animation.render import background, box, frames, words
from surefoot.figures.animation.scenes import Scene
from surefoot.figures.page import document


def player_page(scene: Scene, *, fps: float) -> str:
    """One self-contained HTML file with play, step, drag and speed."""
    still = background(scene)
    base = words(still)
    height, width = base.shape
    pieces: list[dict[str, Any]] = []
    for step, picture in zip(scene.steps.tolist(), frames(scene), strict=True):
        changed = words(picture) != base
        place = box(changed)
        piece: dict[str, Any] = {"step": step}
        if place is not None:
            left, top, right, bottom = place
            part = picture[top:bottom, left:right].copy()
            part[~changed[top:bottom, left:right]] = 0  # see through
            piece |= {"x": left, "y": top, "image": _uri(part)}
        pieces.append(piece)
    data = {"width": width, "height": height, "fps": fps, "still": _uri(still), "frames": pieces}
    body = (
        f'<canvas id="view" class="frame" width="{width}" height="{height}" style="max-width:{width}px" '
        f'role="img" aria-label="{html.escape(scene.title, quote=True)}, frame by frame"></canvas>'
        '<div class="controls">'
        '<button id="play" type="button" aria-label="Play or pause">▶</button>'
        '<button id="back" type="button" aria-label="One frame back">◀|</button>'
        '<button id="forward" type="button" aria-label="One frame forward">|▶</button>'
        f'<label>Step <input id="frame" type="range" min="0" max="{len(pieces) - 1}" value="0">'
        '<output id="stepname"></output></label>'
        '<label>Speed <select id="speed"><option value="0.25">¼</option><option value="0.5">½</option>'
        '<option value="1" selected>1</option><option value="2">2</option><option value="4">4</option>'
        "</select></label></div>"
        '<p class="note">Space plays or pauses, the arrow keys step, '
        "dragging across the picture moves in time.</p>"
    )
    return document(scene.title, body, data, "player.js", "landscape.css")


def _uri(pixels: Any) -> str:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    if (pixels[..., 3] == 255).all():
        image = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    else:
        image = image.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
