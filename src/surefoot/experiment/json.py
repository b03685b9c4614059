"""Tried fixes as JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from surefoot.experiment.records import Attempt, Losses, TriedFixes


def summary(found: TriedFixes) -> Mapping[str, Any]:
    """The experiment; a loss that is not finite is null."""
    return {
        "script": found.script,
        "verdict": found.verdict.word,
        "said": found.verdict.said,
        "findings": [each.code for each in found.findings if each.severity != "information"],
        "steps": found.steps,
        "measure": found.measure,
        "note": found.note,
        "as it is": _losses(found.losses),
        "together": [_attempt(each) for each in found.together],
        "alone": [_attempt(each) for each in found.alone],
        "untried": [{"code": e.code, "reason": e.reason, "fix": e.fix} for e in found.untried],
        "runs": None if found.path is None else str(found.path),
    }


def _attempt(each: Attempt) -> dict[str, Any]:
    return {
        "fixes": [
            {"remedy": f.remedy, "said": f.said, "finding": f.code, "where": f.where, **f.details}
            for f in each.fixes
        ],
        "word": each.word,
        "verdict": None if each.verdict is None else each.verdict.word,
        "gone": list(each.gone),
        "why": each.why,
        "seeds": each.seeds,
        **_losses(each.losses),
    }


def _losses(losses: Losses) -> dict[str, float | None]:
    named = {"start": losses.start, "end": losses.end, "validation": losses.validation}
    return {
        name: value if value is not None and math.isfinite(value) else None for name, value in named.items()
    }
