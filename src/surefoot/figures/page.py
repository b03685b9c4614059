"""Interactive pages: one HTML file with all it needs inside, that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.figures.canvas import COLORS
from surefoot.surfaces import Slice, Surface

# Light to dark through green and blue, as the static figures; told apart by lightness alone.
RAMP = (
    (8, 29, 88),
    (34, 94, 168),
    (29, 145, 192),
    (65, 182, 196),
    (127, 205, 187),
    (199, 233, 180),
    (255, 255, 217),
)
_DASHES: tuple[list[int], ...] = ([], [8, 4], [8, 3, 2, 3], [2, 3])


def landscape_page(record: Slice | Surface) -> str:
    """The page of a slice or a surface: hover for the numbers, follow the path, turn the surface in space."""
    from surefoot.figures.surface import seen

    if isinstance(record, Slice):
        return _page(f"Loss along {record.name}", _slice_data(record), [], [])
    title = f"Loss over {record.x_name} and {record.y_name}"
    notes = [f"{record.statement}."]
    x, y, low = record.minimum
    notes.append(
        f"Lowest of {record.losses.size:,} points: {low:.4g} at ({x:.4g}, {y:.4g}). "
        f"Trained point (star): {record.center_loss:.4g}."
    )
    if record.descent is not None:
        notes.append(f"{record.descent.sentence}.")
    mode = record.settings.get("mode", "?")
    examples = record.settings.get("examples", 0)
    notes.append(f"{examples:,} {'example' if examples == 1 else 'examples'}, mode {mode}.")
    legend = [(p.name, COLORS[i % len(COLORS)]) for i, p in enumerate(record.paths) if seen(p.points, record)]
    return _page(title, _surface_data(record), notes, legend)


def document(title: str, body: str, data: Mapping[str, Any], script: str, style: str) -> str:
    """A whole page; its policy allows the inlined script by its hash and nothing else."""
    code = static(script)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    # JSON inside a script element: "<" could end it.
    payload = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{static(style)}</style></head>\n"
        f"<body><main><h1>{html.escape(title)}</h1>{body}</main>\n"
        f'<script type="application/json" id="data">{payload}</script>\n'
        f"<script>{code}</script></body></html>\n"
    )


@cache
def static(name: str) -> str:
    """Text of a file under static/."""
    return (files("surefoot.figures") / "static" / name).read_text(encoding="utf-8")


def plain(values: NDArray[Any]) -> Any:
    """Nested lists of numbers with seven digits; None where not finite."""
    if values.ndim > 1:
        return [plain(row) for row in values]
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in values.tolist()]


def _page(title: str, data: Mapping[str, Any], notes: list[str], legend: list[tuple[str, str]]) -> str:
    swatches = "".join(
        f'<span><i style="border-color:{color}"></i>{html.escape(name)}</span>' for name, color in legend
    )
    lines = "".join(f'<p class="note">{html.escape(note)}</p>' for note in notes)
    body = (
        '<div class="controls">'
        '<button id="log" type="button">Logarithmic</button>'
        '<button id="solid" type="button">3-D</button>'
        '<label>Step <input id="step" type="range" min="0" value="0">'
        '<output id="stepname"></output></label></div>'
        '<canvas id="view" role="img" aria-label="The loss landscape, as described below"></canvas>'
        '<div id="scale"><span>loss</span><div><div id="bar"></div><div id="barticks"></div></div></div>'
        '<p id="reading" aria-live="polite">Point at the picture to read it.</p>'
        f'<p class="legend">{swatches}</p>{lines}'
    )
    return document(title, body, data, "landscape.js", "landscape.css")


def _surface_data(surface: Surface) -> dict[str, Any]:
    from surefoot.figures.surface import contour_levels

    return {
        "record": "surface",
        "x": plain(surface.x),
        "y": plain(surface.y),
        "losses": plain(surface.losses),
        "gradients": None if surface.gradients is None else plain(surface.gradients),
        "center": list(surface.center),
        "names": [surface.x_name, surface.y_name],
        "equal": surface.kind in ("principal", "checkpoints"),
        "logarithmic": contour_levels(surface.losses)[1],
        "colors": [list(c) for c in RAMP],
        "paths": [
            {
                "name": path.name,
                "steps": path.steps.tolist(),
                "points": plain(path.points),
                "losses": plain(path.losses),
                "color": COLORS[i % len(COLORS)],
                "dash": _DASHES[i % len(_DASHES)],
            }
            for i, path in enumerate(surface.paths)
        ],
    }


def _slice_data(cut: Slice) -> dict[str, Any]:
    def optional(values: NDArray[np.float64] | None) -> Any:
        return None if values is None else plain(values)

    return {
        "record": "slice",
        "name": cut.name,
        "positions": plain(cut.positions),
        "losses": plain(cut.losses),
        "slopes": plain(cut.slopes),
        "low": optional(cut.low),
        "high": optional(cut.high),
        "center": cut.center,
        "centerLoss": cut.center_loss if math.isfinite(cut.center_loss) else None,
    }
