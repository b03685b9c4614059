"""Two doors: a record and a path, and the suffix says what is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surefoot.errors import SettingError
from surefoot.figures.backprop import SMALL, backprop_figure, graph_figure
from surefoot.figures.backprop_page import backprop_page
from surefoot.figures.backprop_text import backprop_text
from surefoot.figures.canvas import write, write_text
from surefoot.figures.page import landscape_page
from surefoot.figures.slices import slice_figure
from surefoot.figures.smoothness import smoothness_figure
from surefoot.figures.surface import surface_figure
from surefoot.gradients import Backpropagation
from surefoot.surfaces import Slice, Smoothness, Surface, save


def draw(
    record: Slice | Surface | Smoothness | Mapping[str, Smoothness] | Backpropagation,
    path: str | os.PathLike[str],
    *,
    dpi: int | None = None,
    **options: Any,
) -> Path:
    """Draw a landscape to a file: .png, .svg, .pdf, .html (interactive, self-contained) or .npz (its numbers).

    Args:
        record: From surefoot.landscape, of smoothness also several by name for one .png or .svg; or from
            `backprop`, as `draw_backprop` draws it.
        path: Its suffix chooses.
        dpi: Pixels an inch of a PNG; 100 by default.
        options: Of the figure: `logarithmic`, `title` of a surface; `thresholds` of a smoothness record.

    Returns:
        The path written.

    Raises:
        SettingError: A suffix or a record that cannot be drawn.
        MissingExtra: matplotlib is not installed (PNG, SVG).
    """
    if isinstance(record, Backpropagation):
        return draw_backprop(record, path, dpi=dpi, **options)
    suffix = Path(path).suffix.lower()
    if suffix == ".npz" and not isinstance(record, Mapping):
        return save(record, path)
    if suffix == ".html":
        if isinstance(record, Smoothness | Mapping):
            raise SettingError("a smoothness record has no interactive page; draw it as .png or .svg")
        return write_text(landscape_page(record), path)
    if isinstance(record, Slice):
        return write(slice_figure(record), path, dpi=dpi)
    if isinstance(record, Surface):
        return write(surface_figure(record, **options), path, dpi=dpi)
    if isinstance(record, Smoothness | Mapping) and suffix != ".npz":
        return write(smoothness_figure(record, **options), path, dpi=dpi)
    raise SettingError(
        f"a {type(record).__name__} cannot be drawn; pass a Slice, a Surface, a Smoothness or a backprop record"
    )


def draw_backprop(
    records: Backpropagation | Mapping[str, Backpropagation],
    path: str | os.PathLike[str],
    *,
    depth: int | None = 1,
    dpi: int | None = None,
) -> Path:
    """Draw a backward pass to a .png, .svg, .pdf, .html (rows that open) or .txt file.

    Args:
        records: One, or several by name, side by side. One of at most a dozen operations is drawn as its graph.
        path: Its suffix chooses.
        depth: Collapse modules to so many dotted parts; None shows each.
        dpi: Pixels an inch of a PNG; 100 by default.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".html":
        return write_text(backprop_page(records, depth=depth), path)
    if suffix == ".txt":
        named = {"": records} if isinstance(records, Backpropagation) else records
        tables = [f"{name}\n{backprop_text(record, depth=depth)}".strip() for name, record in named.items()]
        return write_text("\n\n".join(tables) + "\n", path)
    if isinstance(records, Backpropagation) and len(records.operations) <= SMALL:
        return write(graph_figure(records), path, dpi=dpi)
    return write(backprop_figure(records, depth=depth), path, dpi=dpi)
