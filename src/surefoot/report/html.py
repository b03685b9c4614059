"""One self-contained HTML file: the verdict first, then curves, layers, facts and the script.

`page_data` is what the page draws, as JSON values; a live page may send the same. The markup is
templates/report.html, filled by Jinja with autoescaping on; scripts and styles are the files under static/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from surefoot.facts import Unmeasured
from surefoot.records import Finding, History
from surefoot.report.charts import charts, metric_charts, useful_steps
from surefoot.report.document import REPORT, date, document
from surefoot.report.json import plain
from surefoot.report.layers import heat_maps, parameter_order
from surefoot.report.places import finding_lines, script_name
from surefoot.report.rule_pages import rule_page
from surefoot.report.source import marked_source
from surefoot.report.tables import behind, fact_groups, figures
from surefoot.report.verdict import judge
from surefoot.rules.unjudged import unjudged

SCRIPTS = (
    "uplot/uPlot.iife.min.js",
    "format.js",
    "theme.js",
    "chart.js",
    "heatmap.js",
    "report.js",
)
STYLES = ("uplot/uPlot.min.css", "report.css")


def render(history: History, findings: Sequence[Finding]) -> str:
    """The report as one HTML document that needs no network and runs no script but its own.

    Args:
        history: The run, also an empty or an unfinished one.
        findings: As the rules engine gives them, the main finding first.

    Returns:
        The document. All that comes from the user is escaped; the content security policy allows the inlined
        scripts by their hashes and nothing else.

    Example:
        >>> from surefoot.records import Run
        >>> render(History(Run("runs/a", "a", "a.py")), ())[:15]
        '<!doctype html>'
    """
    run = history.run
    pointed = [finding_lines(finding, run) for finding in findings]
    marked = {
        line: [finding.code for finding, lines in zip(findings, pointed, strict=True) if line in lines]
        for line in sorted({line for lines in pointed for line in lines})
    }
    return document(
        "report.html",
        page_data(history, findings),
        [(REPORT, name) for name in SCRIPTS],
        [(REPORT, name) for name in STYLES],
        run=run,
        script_name=script_name(run),
        history=history,
        parameters=[history.parameters[place] for place in parameter_order(history)],
        findings=findings,
        verdict=judge(history, findings),
        unmeasured=history.facts(Unmeasured),
        unjudged=unjudged(history),
        figures=figures(history),
        started=date(run.started) if run.started else None,
        facts=fact_groups(history),
        behind=behind(findings),
        source=marked_source(run.source, marked) if run.source else [],
        marked=list(marked),
        finding_lines=pointed,
        rule_pages=[rule_page(finding.code) for finding in findings],
    )


def page_data(history: History, findings: Sequence[Finding]) -> dict[str, Any]:
    """What the page draws: {"charts", "metrics", "probes", "maps", "view", "findings"}, strict JSON values."""
    data: dict[str, Any] = plain(
        {
            "charts": charts(history),
            "metrics": metric_charts(history, probes=False),
            "probes": metric_charts(history, probes=True),
            "maps": heat_maps(history),
            "view": useful_steps(history),
            "findings": [
                {"number": place, "code": f.code, "severity": f.severity, "step": f.step}
                for place, f in enumerate(findings, start=1)
            ],
        }
    )
    return data
