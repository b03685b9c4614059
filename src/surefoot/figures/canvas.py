"""What all static figures share: matplotlib loaded when needed, one style, colours, and writing to a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from surefoot.errors import SettingError
from surefoot.extras import require

# Okabe and Ito's palette: told apart by colour-blind readers. Line styles and markers repeat the distinction.
COLORS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
INK, MUTED, GRID = "#1a1f26", "#515b66", "#dfe4ea"
# Grey to blue, light: paths in the palette's colours stay legible on it.
SURFACE_MAP = "YlGnBu_r"

_STYLE: dict[str, Any] = {
    "font.size": 10,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so pictures are the same everywhere
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.hashsalt": "surefoot",  # the same figure is the same file
    "svg.fonttype": "none",
}


def matplotlib_or_raise() -> Any:
    """The matplotlib module.

    Raises:
        MissingExtra: It is not installed.
    """
    require("figures", ("matplotlib", "PIL"))
    import matplotlib

    return matplotlib


_DATES = {".png": "Software", ".svg": "Date", ".pdf": "CreationDate"}


@contextmanager
def styled() -> Iterator[None]:
    """Draw inside in surefoot's style, leaving the user's matplotlib settings alone."""
    matplotlib_or_raise()
    from matplotlib import style

    with style.context(["default", _STYLE]):
        yield


def new_figure(width: float = 6.4, height: float = 4.8, dpi: int = 100) -> Any:
    """A figure outside pyplot, so that nothing is shown or kept by it. Inches."""
    matplotlib_or_raise()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


PICTURES = (".png", ".svg", ".pdf")
DPI = 100


def write(figure: Any, path: str | os.PathLike[str], *, dpi: int | None = None) -> Path:
    """Write a figure as PNG, SVG or PDF, by the path's suffix.

    Args:
        figure: Of matplotlib.
        path: Its suffix chooses.
        dpi: Pixels an inch of a PNG; 100 by default.

    Raises:
        SettingError: Another suffix, a resolution that is none, or a place that cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in PICTURES:
        raise SettingError(
            f"{target.name} is no picture that can be drawn; end it in .png, .svg, .pdf or .html"
        )
    if dpi is not None and not 10 <= dpi <= 1200:
        raise SettingError(f"dpi is {dpi}; give 10 to 1200")
    metadata = {_DATES[suffix]: None}  # the same figure is the same file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with styled():
            figure.savefig(target, metadata=metadata, dpi=dpi or DPI)
    except OSError as error:
        raise SettingError(
            f"cannot write {target} ({error.strerror or error}); choose another place"
        ) from error
    return target


def write_text(text: str, path: str | os.PathLike[str]) -> Path:
    """Write a page.

    Raises:
        SettingError: A place that cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingError(
            f"cannot write {target} ({error.strerror or error}); choose another place"
        ) from error
    return target


def footer(figure: Any, lines: Sequence[str], width: int = 100) -> None:
    """Small print below the axes."""
    import textwrap

    text = "\n".join(textwrap.fill(line, width) for line in lines if line)
    figure.supxlabel(text, fontsize=8, color=MUTED, ha="left", x=0.01)
