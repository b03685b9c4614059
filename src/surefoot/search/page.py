"""A sweep as one self-contained HTML file: the verdict, the figures, the table, what else is to be said."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

from surefoot.figures.canvas import styled
from surefoot.report.document import REPORT, document
from surefoot.report.numbers import duration, number
from surefoot.search.figure import sweep_figure
from surefoot.search.records import Configuration, Sweep
from surefoot.search.settings import shown
from surefoot.search.targets import steps_to_target, target_loss

_OWN = "surefoot.search"
_SCRIPTS = ((REPORT, "theme.js"),)
_STYLES = ((REPORT, "report.css"), (_OWN, "sweep.css"))


def page(sweep: Sweep) -> str:
    """As one HTML document that needs no network.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    target = target_loss(sweep)
    tone = {True: "healthy", False: "warning", None: "warning"}[sweep.verdict.beyond]
    return document(
        "sweep.html",
        {},
        _SCRIPTS,
        _STYLES,
        _OWN,
        sweep=sweep,
        script=Path(sweep.script).name,
        tone="error" if sweep.verdict.best is None else tone,
        picture=_picture(sweep),
        names=[axis.name.strip("-=") for axis in sweep.axes],
        rows=[_row(sweep, each, target) for each in sweep.configurations],
        target=target,
    )


def _picture(sweep: Sweep) -> str:
    figure = sweep_figure(sweep)
    written = io.BytesIO()
    with styled():
        figure.savefig(written, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(written.getvalue()).decode('ascii')}"


def _row(sweep: Sweep, each: Configuration, target: float | None) -> dict[str, Any]:
    reached = None if target is None else steps_to_target(each, target)
    seconds = max((r.seconds for r in each.results.values()), default=0.0)
    losses = [each.losses.get(seed) for seed in range(sweep.seeds)]
    return {
        "settings": [shown(each.setting.get(axis.name)) for axis in sweep.axes],
        "mean": _finite(each.mean),
        "spread": "" if each.deviation is None else number(each.deviation, 2),
        "seeds": ["" if loss is None else _finite(loss) for loss in losses],
        "steps": "–" if reached is None else number(round(reached)),
        "time": duration(seconds),
        "status": each.status,
        "why": each.trouble,
    }


def _finite(loss: float) -> str:
    return number(loss) if math.isfinite(loss) else "–"
