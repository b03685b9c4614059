"""A comparison as one self-contained HTML file: the answer, figures, curves, findings, what differs, the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surefoot.comparison.charts import step_charts, time_charts
from surefoot.comparison.records import Comparison, Pair
from surefoot.comparison.rows import RELATIONS, rows, shown
from surefoot.comparison.sentence import parameter_said, same_until
from surefoot.report.document import REPORT, document
from surefoot.report.json import plain

_OWN = "surefoot.comparison"
_SCRIPTS = (
    (REPORT, "uplot/uPlot.iife.min.js"),
    (REPORT, "format.js"),
    (REPORT, "theme.js"),
    (REPORT, "chart.js"),
    (_OWN, "compare.js"),
)
_STYLES = ((REPORT, "uplot/uPlot.min.css"), (REPORT, "report.css"), (_OWN, "compare.css"))
_TONES = {"better": "healthy", "worse": "error", "same": "information", "unknown": "warning"}
_MARKS = {"+": "added", "-": "removed", "@": "place"}


def render(comparison: Comparison) -> str:
    """The comparison as one HTML document that needs no network and runs no script but its own.

    Example:
        >>> from surefoot.comparison.engine import between
        >>> from surefoot.records import History, Run
        >>> render(between([(History(Run("runs/a", "a", "a.py")), ()), (History(Run("runs/b", "b", "a.py")), ())]))[:15]
        '<!doctype html>'
    """
    page = plain(
        {
            "charts": step_charts(comparison),
            "times": time_charts(comparison),
            "marks": parting_mark(comparison),
        }
    )
    return document(
        "compare.html",
        page,
        _SCRIPTS,
        _STYLES,
        _OWN,
        comparison=comparison,
        tone=_TONES[comparison.word] if len(comparison.sides) == 2 else "information",
        tones=_TONES,
        relations=RELATIONS,
        rows=rows(comparison),
        pairs=[pair_shown(comparison, pair) for pair in comparison.pairs],
    )


def pair_shown(comparison: Comparison, pair: Pair) -> dict[str, Any]:
    """What a page says of one run against the first: findings gone, new and kept, what differs, the code's lines."""
    changes = [(d.section, d.name, shown(d.before), shown(d.after)) for d in pair.differences]
    return {
        "label": comparison.sides[pair.after].label,
        "word": pair.word,
        "relation": pair.relation,
        "findings": [(how, f) for how in ("gone", "new", "kept") for f in getattr(pair, how)],
        "changes": changes,
        "code": [(_MARKS.get(line[:1], ""), line) for line in pair.code.splitlines()[2:]],
        "until": same_until(pair),
        "parameter": parameter_said(pair.parting) if pair.parting else None,
        "parting": pair.parting,
    }


def parting_mark(comparison: Comparison) -> Sequence[dict[str, Any]]:
    """Where two runs part, as a mark in the curves; of several pairs, none."""
    if len(comparison.pairs) > 1:
        return []
    found = comparison.pairs[0].parting
    if found is None or found.first is None:
        return []
    return [{"number": "≠", "code": "parting", "severity": "warning", "step": found.first.step}]
