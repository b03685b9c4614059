"""A run for programs: the shape that `--json` writes.

Strict JSON has no NaN and no infinities: they are written as the strings "NaN", "Infinity" and "-Infinity",
which Python's `float()` and JavaScript's `Number()` read back. `null` means that nothing was recorded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from surefoot.facts import Threads, Unmeasured
from surefoot.records import Finding, History, Series
from surefoot.report.verdict import judge
from surefoot.rules.unjudged import unjudged

SCHEMA = 1


def folded(finding: Finding) -> list[Finding]:
    """The findings folded under this one, those under them included.

    Example:
        >>> deep = Finding("c", "error", "", "")
        >>> middle = Finding("b", "error", "", "", consequences=(deep,))
        >>> [f.code for f in folded(Finding("a", "error", "", "", consequences=(middle,)))]
        ['b', 'c']
    """
    return [below for direct in finding.consequences for below in (direct, *folded(direct))]


def unobserved_threads(history: History) -> int:
    """How many threads trained beside the one that was observed."""
    return sum(fact.unobserved for fact in history.facts(Threads))


def summary(history: History, findings: Sequence[Finding]) -> dict[str, Any]:
    """The run and its findings as JSON values.

    Args:
        history: The run.
        findings: As the rules engine gives them, the main finding first.

    Returns:
        A dict that `json.dumps(…, allow_nan=False)` accepts. Loss and gradient norm are those of the
        optimizer with the most steps; "best" is the smallest finite value, "median" is over the finite
        values; "unjudged" is what the diagnosis could not look into; "clip_rate" is the share of clipped steps of
        all optimizers, null without a clipper; "unobserved_threads" trained beside the one that was followed.

    Example:
        >>> from surefoot.records import Run
        >>> summary(History(Run(path="runs/a", name="a", script="a.py", status="finished", steps=60)), ())["verdict"]
        'healthy'
    """
    run = history.run
    verdict = judge(history, findings)
    validation = history.metric("val_loss")
    document = {
        "schema": SCHEMA,
        "run": run.path,
        "script": run.script,
        "status": run.status,
        "exit_code": run.exit_code,
        "steps": run.steps,
        "loss": ends(history.series("loss")),
        "val_loss": ends(validation) if len(validation) else None,
        "grad_norm": spread(history.series("grad_norm")),
        "clip_rate": clip_rate(history),
        "unobserved_threads": unobserved_threads(history),
        "unmeasured": [
            {"of": fact.subject.partition(":")[0], "quantities": fact.quantities, "reason": fact.reason}
            for fact in history.facts(Unmeasured)
        ],
        "unjudged": [
            {"what": side.what, "reason": side.reason, "rules": list(side.rules)}
            for side in unjudged(history)
        ],
        "verdict": verdict.word,
        "extent": verdict.extent,
        "recorded_steps": verdict.steps,
        "reason": verdict.reason,
        "said": verdict.said,
        "findings": [finding_fields(finding) for finding in findings],
    }
    strict: dict[str, Any] = plain(document)
    return strict


def dumps(history: History, findings: Sequence[Finding]) -> str:
    """The summary as strict JSON text, indented, ending in a newline."""
    return json.dumps(summary(history, findings), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def ends(series: Series) -> dict[str, float | None]:
    """First, last and best (smallest finite) value of a loss; None where there is none.

    Example:
        >>> ends(Series.of([2.0, 0.5, float("nan")]))
        {'first': 2.0, 'last': nan, 'best': 0.5}
    """
    if not len(series):
        return {"first": None, "last": None, "best": None}
    finite = series.finite.values
    best = float(finite.min()) if len(finite) else None
    return {"first": float(series.values[0]), "last": float(series.values[-1]), "best": best}


def spread(series: Series) -> dict[str, float | None]:
    """First, last, median (of the finite values) and largest value; NaN is never the largest."""
    if not len(series):
        return {"first": None, "last": None, "median": None, "max": None}
    finite = series.finite.values
    known = series.values[~np.isnan(series.values)]
    return {
        "first": float(series.values[0]),
        "last": float(series.values[-1]),
        "median": float(np.median(finite)) if len(finite) else None,
        "max": float(known.max()) if len(known) else None,
    }


def clip_rate(history: History) -> float | None:
    """Share of the steps with a clipper at which it scaled the gradients down; None without a clipper."""
    factors = [
        history.series("clip_factor", optimizer.index).finite.values for optimizer in history.optimizers
    ]
    values = np.concatenate(factors) if factors else np.empty(0)
    return float(np.mean(values < 1)) if len(values) else None


def plain(item: Any) -> Any:
    """The same as strict JSON values: tuples become lists, NumPy scalars numbers, non-finite floats strings.

    Example:
        >>> plain({"loss": (1.0, float("nan"), float("-inf"))})
        {'loss': [1.0, 'NaN', '-Infinity']}
    """
    if isinstance(item, np.generic | np.ndarray):
        item = item.tolist()
    if item is None or isinstance(item, str | bool | int):
        return item
    if isinstance(item, float):
        if math.isfinite(item):
            return item
        return "NaN" if math.isnan(item) else "Infinity" if item > 0 else "-Infinity"
    if isinstance(item, Mapping):
        return {str(key): plain(part) for key, part in item.items()}
    if isinstance(item, Sequence):
        return [plain(part) for part in item]
    return str(item)


def finding_fields(finding: Finding) -> dict[str, Any]:
    """A finding's own fields, not yet strict JSON."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "title": finding.title,
        "step": finding.step,
        "evidence": finding.evidence,
        "fix": finding.fix,
        "where": finding.where,
        "confidence": finding.confidence,
        "consequences": [consequence.code for consequence in folded(finding)],
        "explains": [
            {"code": below.code, "title": below.title, "fix": below.fix} for below in folded(finding)
        ],
    }
