"""What the page of a comparison shows: what `surefoot compare` says, as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from surefoot.comparison.charts import step_charts, time_charts
from surefoot.comparison.engine import compare
from surefoot.comparison.html import pair_shown, parting_mark
from surefoot.comparison.records import Comparison, Pair
from surefoot.comparison.rows import RELATIONS, rows
from surefoot.errors import SettingError
from surefoot.report.json import plain

MOST = 20  # runs: each is read whole and judged


def compared(paths: Sequence[Path]) -> dict[str, Any]:
    """Hold runs against the first of them.

    Args:
        paths: Folders of the runs.

    Returns:
        Strict JSON values: "said", "word", "labels", "rows", "charts" (over steps), "times" (over seconds), "marks" and
        "pairs".

    Raises:
        SettingError: Too few, too many, or one that is no training.
        StoreError: One cannot be read.
    """
    if len(paths) > MOST:
        raise SettingError(f"up to {MOST} runs are compared at once: choose fewer.")
    found = compare(*paths)
    made: dict[str, Any] = plain(
        {
            "said": found.said,
            "word": found.word if len(found.sides) == 2 else None,
            "labels": [side.label for side in found.sides],
            "rows": [[row.name, *row.cells] for row in rows(found)],
            "charts": step_charts(found),
            "times": time_charts(found),
            "marks": parting_mark(found),
            "pairs": [_pair(found, pair) for pair in found.pairs],
        }
    )
    return made


def _pair(found: Comparison, pair: Pair) -> dict[str, Any]:
    shown = pair_shown(found, pair)
    findings = [
        {"how": how, "code": one.code, "title": one.title, "fix": one.fix} for how, one in shown["findings"]
    ]
    said = pair.word if pair.relation == "changed" else RELATIONS[pair.relation]
    kept = {name: shown[name] for name in ("label", "changes", "code", "until", "parameter")}
    return {**kept, "said": said, "findings": findings}
