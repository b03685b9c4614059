"""A comparison for programs: the shape that `surefoot compare --json` writes; docs/compare.md describes it."""

from __future__ import annotations

import dataclasses
from typing import Any

from surefoot.comparison.gate import Gate
from surefoot.comparison.judging import lasted, pace
from surefoot.comparison.records import Comparison, Objective, Pair, Parted, Side
from surefoot.comparison.seeds import seed_of
from surefoot.comparison.sentence import same_until
from surefoot.records import Finding
from surefoot.report.json import ends, plain, spread

SCHEMA = 1


def summary(comparison: Comparison, limit: Gate | None = None) -> dict[str, Any]:
    """The comparison as strict JSON values.

    Args:
        comparison: What to write.
        limit: What `--fail-if-worse` came to; None: it was not asked.
    """
    document = {
        "schema": SCHEMA,
        "said": comparison.said,
        "runs": [_side(side) for side in comparison.sides],
        "objective": _objective(comparison.objective),
        "same_but_for_the_seed": [
            [comparison.sides[place].label for place in group] for group in comparison.groups
        ],
        "pairs": [_pair(comparison, pair) for pair in comparison.pairs],
        "limit": None if limit is None else dataclasses.asdict(limit),
    }
    strict: dict[str, Any] = plain(document)
    return strict


def _side(side: Side) -> dict[str, Any]:
    history = side.history
    run, validation = history.run, history.metric("val_loss")
    return {
        "label": side.label,
        "run": run.path,
        "script": run.script,
        "arguments": run.argv,
        "status": run.status,
        "steps": run.steps,
        "seed": seed_of(history),
        "verdict": side.verdict.word,
        "extent": side.verdict.extent,
        "said": side.verdict.said,
        "findings": [finding.code for finding in side.findings],
        "loss": ends(history.series("loss")),
        "val_loss": ends(validation) if len(validation) else None,
        "grad_norm": spread(history.series("grad_norm")),
        "seconds": lasted(history),
        "steps_per_second": pace(history),
    }


def _objective(objective: Objective | None) -> dict[str, Any] | None:
    return None if objective is None else dataclasses.asdict(objective)


def _pair(comparison: Comparison, pair: Pair) -> dict[str, Any]:
    return {
        "before": comparison.sides[pair.before].label,
        "after": comparison.sides[pair.after].label,
        "word": pair.word,
        "relation": pair.relation,
        "objective": _objective(pair.objective),
        "reason": pair.reason,
        "findings": {name: [_finding(f) for f in getattr(pair, name)] for name in ("gone", "new", "kept")},
        "differences": [dataclasses.asdict(difference) for difference in pair.differences],
        "code": pair.code,
        "same_until": same_until(pair),
        "parting": _parting(pair),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code, "severity": finding.severity, "title": finding.title}


def _parting(pair: Pair) -> dict[str, Any] | None:
    found = pair.parting
    if found is None:
        return None
    first, parameter = (_parted(one) for one in (found.first, found.parameter))
    rest = {name: getattr(found, name) for name in ("grown", "tolerance", "compared", "last", "rounded")}
    return {"first": first, "parameter": parameter, **rest}


def _parted(found: Parted | None) -> dict[str, Any] | None:
    return None if found is None else dataclasses.asdict(found)
