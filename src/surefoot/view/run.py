"""What a run's page shows: its curves at once, what takes longer to read when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surefoot.facts import Unmeasured
from surefoot.records import Finding, History, Run
from surefoot.report.charts import Chart, charts, metric_charts, useful_steps
from surefoot.report.document import date
from surefoot.report.json import plain
from surefoot.report.layers import heat_maps, parameter_order
from surefoot.report.places import finding_lines, script_name
from surefoot.report.tables import behind, fact_groups, figures
from surefoot.report.verdict import judge
from surefoot.rules.unjudged import unjudged
from surefoot.store.follow import Cursor
from surefoot.store.notes import read_notes
from surefoot.store.reader import open_run
from surefoot.view.curves import fitted
from surefoot.view.judging import Judging
from surefoot.view.told import finding_of, source_of, told

DRAWN = ("loss", "grad_norm", "lr", "clip_threshold", "clip_factor")


def overview(path: Path, judging: Judging, width: int) -> dict[str, Any]:
    """What is seen first.

    Args:
        path: Folder of the run.
        judging: What was found.
        width: Of a chart, in pixels.

    Returns:
        Strict JSON values: "run", "verdict", "figures", "findings", "charts" by group, "view" (the steps to begin with)
        and the cursor from which the page is followed.

    Raises:
        StoreError: It cannot be read.
    """
    with open_run(path) as reader:
        cursor = reader.cursor()  # first: what comes between is sent once more, not lost
        judged = judging.findings(reader)
        history = reader.history(None, DRAWN, layered=False)  # a mean is of all steps
    findings, notes = judged or (), read_notes(path)
    made: dict[str, Any] = plain(
        {
            "run": _run(history.run) | {"tags": notes.tags, "note": notes.text},
            "verdict": verdict_of(history, findings) | ({"word": "judging"} if judged is None else {}),
            "figures": figures(history),
            "findings": told_findings(findings, history.run),
            "charts": _fitted(charts(history), width),
            "metrics": _fitted(metric_charts(history, probes=False), width),
            "probes": _fitted(metric_charts(history, probes=True), width),
            "view": useful_steps(history),
            "cursor": text_of(cursor),
        }
    )
    return made


def stretch(path: Path, first: int, last: int, width: int) -> dict[str, Any]:
    """The curves of some steps, as fine as they were recorded or as the screen is.

    Args:
        path: Folder of the run.
        first: Step.
        last: Step.
        width: Of a chart, in pixels.
    """
    with open_run(path) as reader:
        history = reader.history(None, DRAWN, (first, last), layered=False)
    made: dict[str, Any] = plain(
        {
            "charts": _fitted(charts(history), width),
            "metrics": _fitted(metric_charts(history, probes=False), width),
            "probes": _fitted(metric_charts(history, probes=True), width),
        }
    )
    return made


def layers(path: Path, width: int) -> dict[str, Any]:
    """Heat maps over layers and steps, and the curves that are made of layers."""
    with open_run(path) as reader:
        history = reader.history(names=())
    ratio = [chart for chart in charts(history) if chart["id"] == "update-ratio"]
    missing = [{"quantities": fact.quantities, "reason": fact.reason} for fact in history.facts(Unmeasured)]
    made: dict[str, Any] = plain(
        {"charts": _fitted(ratio, width), "maps": heat_maps(history), "unmeasured": missing}
    )
    return made


def details(path: Path, judging: Judging) -> dict[str, Any]:
    """Facts, optimizers, parameters, the environment, and what could not be judged."""
    with open_run(path) as reader:
        history, findings = reader.history(), judging.findings(reader) or ()
    run = history.run
    odd = behind(findings)
    parameters = [history.parameters[place] for place in parameter_order(history)]
    made: dict[str, Any] = plain(
        {
            "facts": [
                {
                    "question": question,
                    "behind": list(dict.fromkeys(odd.get(question, ()))),
                    "facts": [[fact.subject, told(fact.data)] for fact in facts],
                }
                for question, facts in fact_groups(history)
            ],
            "optimizers": [
                [
                    f"{o.index}: {o.name}",
                    told({"made at": o.created, "step called at": o.stepped, **o.settings}),
                ]
                for o in history.optimizers
            ],
            "parameters": [
                [
                    p.name,
                    " × ".join(map(str, p.shape)) or "scalar",
                    p.module,
                    _of(p.optimizer, p.requires_grad),
                ]
                for p in parameters
            ],
            "environment": told(
                {"script": run.script, "command": run.command, "exit code": run.exit_code, **run.environment}
            ),
            "unjudged": [[side.what, side.reason] for side in unjudged(history)],
        }
    )
    return made


def script(path: Path, judging: Judging) -> dict[str, Any]:
    """The script's text in pieces, and the lines that findings point at."""
    with open_run(path) as reader:
        run, findings = reader.run(), judging.findings(reader) or ()
    marked = sorted({(line, one.code) for one in findings for line in finding_lines(one, run)})
    return {"name": run.script, "lines": source_of(run.source) if run.source else [], "marked": marked}


def verdict_of(history: History, findings: Sequence[Finding]) -> dict[str, Any]:
    """The verdict, in a word and in a sentence."""
    found = judge(history, findings)
    return {"word": found.word, "extent": found.extent, "said": found.said, "reason": found.reason}


def told_findings(findings: Sequence[Finding], run: Run) -> list[dict[str, Any]]:
    """Findings with their numbers."""
    return [finding_of(finding, place, run) for place, finding in enumerate(findings, start=1)]


def text_of(cursor: Cursor) -> str:
    """A cursor as it travels."""
    return ".".join(map(str, cursor))


def _run(run: Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "script": script_name(run),
        "arguments": list(run.argv),
        "status": run.status,
        "error": run.error,
        "steps": run.steps,
        "started": date(run.started) if run.started else None,
        "command": run.command,
    }


def _of(optimizer: int | None, learns: bool) -> str:
    held = "none" if optimizer is None else str(optimizer)
    return held if learns else f"{held}, frozen"


def _fitted(made: Sequence[Chart], width: int) -> list[Chart]:
    return [{**chart, "series": [fitted(curve, width) for curve in chart["series"]]} for chart in made]
