"""The files that pages consist of: those of this room and the report's own, by name, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.responses import Response

from surefoot.view.guard import refused

_OWN, _REPORT = "surefoot.view", "surefoot.report"
_SCRIPTS = ("page.js", "table.js", "runs.js", "run.js", "charts.js", "points.js", "told.js", "compare.js")
_NAMES = {
    **{name: (_OWN, name) for name in ("view.css", *_SCRIPTS)},
    "compare.css": ("surefoot.comparison", "compare.css"),
    **{name: (_REPORT, name) for name in ("report.css", "format.js", "theme.js", "chart.js", "heatmap.js")},
    "uPlot.js": (_REPORT, "uplot/uPlot.iife.min.js"),
    "uPlot.css": (_REPORT, "uplot/uPlot.min.css"),
}
_TYPES = {"js": "text/javascript", "css": "text/css", "html": "text/html"}


def static_file(name: str) -> Response:
    """A script or a style sheet; what has no name in the list is not there."""
    if name not in _NAMES:
        return refused(404, "there is no such file")
    return _file(*_NAMES[name])


def page(name: str) -> Response:
    """A page, without anything of a run in it."""
    return _file(_OWN, f"{name}.html")


def _file(package: str, path: str) -> Response:
    return Response(_text(package, path), media_type=_TYPES[path.rpartition(".")[2]])


@cache
def _text(package: str, path: str) -> bytes:
    return files(package).joinpath("static", *path.split("/")).read_bytes()
