"""What a study leaves to look at: two figures, a page, and the numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from surefoot.errors import StoreError
from surefoot.figures.canvas import write
from surefoot.recipes.pages import table
from surefoot.recipes.separation.figure import dynamics_figure, percentiles_figure
from surefoot.recipes.separation.results import Result
from surefoot.recipes.separation.table import (
    PUBLISHED_R,
    deviations,
    difference_rows,
    interval_text,
    percentile_rows,
    verdicts,
)
from surefoot.report.json import plain


def write_report(results: Sequence[Result], voices: str, out: Path, command: str) -> list[Path]:
    """Draw and write everything about a study.

    Args:
        results: Of `study.run`.
        voices: Description of the corpus.
        out: Folder.
        command: What reproduces it.

    Returns:
        The files written: dynamics.png, percentiles.png, results.md, results.json.

    Raises:
        StoreError: The folder cannot be written.
        MissingExtra: matplotlib is not installed.
    """
    pictures = [
        write(dynamics_figure(results), out / "dynamics.png"),
        write(percentiles_figure(results), out / "percentiles.png"),
    ]
    texts = {"results.md": page(results, voices, command), "results.json": numbers(results, voices, command)}
    for name, text in texts.items():
        try:
            (out / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write into {out} ({error.strerror}); choose another place.") from error
    return [*pictures, *(out / name for name in texts)]


def page(results: Sequence[Result], voices: str, command: str) -> str:
    """The results as Markdown: tables, what they say, and what differs from the paper."""
    settings = results[0].settings
    count = len({result.settings.seed for result in results})
    lines = [
        f"# AutoClip on source separation: {settings.objective}",
        "",
        f"`{command}`",
        "",
        f"{len(results)} trainings, {count} {'seed' if count == 1 else 'seeds'}, {settings.steps:,} steps each; "
        f"{sum(result.seconds for result in results) / 60:.0f} minutes of training.",
        "",
        "![Training dynamics](dynamics.png)",
        "",
        *table(percentile_rows(results)),
        "",
        "Mean ± standard deviation over the seeds. Late loss: mean of the last fifth of the steps. SI-SDRi: "
        "improvement of the scale-invariant signal-to-distortion ratio on held-out mixtures; beside it the SI-SDR "
        "that the paper gives. r: Pearson's, of log smoothness and log gradient norm within the trainings, with its "
        "95 % interval. Step variation: standard deviation over mean of the step sizes in the second half. "
        f"The paper's r is {PUBLISHED_R[0]:.2f} with AutoClip and "
        f"{PUBLISHED_R[1]:.2f} without.",
        "",
    ]
    compared = difference_rows(results)
    if compared:
        shown = [
            {
                name: (interval_text(value) or "–").replace("nan", "–") if isinstance(value, tuple) else value
                for name, value in row.items()
            }
            for row in compared
        ]
        lines += ["AutoClip less no clipping, seed by seed, mean and 95 % interval:", "", *table(shown), ""]
        lines += [*(f"- {sentence}" for sentence in verdicts(results)), ""]
    lines += ["![Quality and loss by percentile](percentiles.png)", "", "What differs from the paper:", ""]
    return "\n".join([*lines, *(f"- {sentence}" for sentence in deviations(settings, voices)), ""])


def numbers(results: Sequence[Result], voices: str, command: str) -> str:
    """All numbers but the series, as JSON; the series are in the .npz files of the trainings."""
    found: dict[str, Any] = {
        "study": "autoclip",
        "command": command,
        "voices": voices,
        "percentiles": list(percentile_rows(results)),
        "differences": list(difference_rows(results)),
        "found": list(verdicts(results)),
        "deviations": list(deviations(results[0].settings, voices)),
        "trainings": [
            {
                **asdict(result.settings),
                "late_loss": result.late_loss,
                "improvement": float(result.improvement.mean()),
                "ratio": float(result.ratio.mean()),
                "clipped": result.clipped,
                "step_variation": result.step_variation,
                "seconds": result.seconds,
            }
            for result in results
        ],
    }
    return json.dumps(plain(found), indent=2) + "\n"
