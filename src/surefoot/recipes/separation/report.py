"""What a study leaves to look at: two figures, a page, and the numbers as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
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

TERMS = (
    "Mean ± standard deviation over the seeds. *p*: AutoClip's percentile. *Loss*: mean of the last fifth of the "
    "steps. *SI-SDRi*: improvement of the scale-invariant signal-to-distortion ratio on held-out mixtures; *paper*: "
    "the SI-SDR that it gives, dB, for 4 BLSTM layers of 600 units (beside a network of 2 x 300, for its own of "
    "2 x 300): other networks, voices and steps than here. *r*: Pearson's, of log smoothness and log gradient norm "
    f"within the trainings, with its 95 % interval; the paper has {PUBLISHED_R[0]:.2f} with AutoClip and "
    f"{PUBLISHED_R[1]:.2f} without. *Steps vary*: standard deviation over mean of the step sizes in the second half. "
    "*Clipped*: share of the steps."
)


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
    found = summary(results, voices, command)
    title = f"# AutoClip on source separation: {results[0].settings.objective}"
    lines = [title, "", TERMS, "", *section(found, "dynamics.png", "percentiles.png")]
    texts = {"results.md": "\n".join(lines) + "\n", "results.json": json.dumps(plain(found), indent=2) + "\n"}
    for name, text in texts.items():
        try:
            (out / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write into {out} ({error.strerror}); choose another place.") from error
    return [*pictures, *(out / name for name in texts)]


def summary(results: Sequence[Result], voices: str, command: str) -> dict[str, Any]:
    """All numbers but the series, ready for JSON; the series are in the .npz files of the trainings."""
    differences = [
        {name: _ends(value) if isinstance(value, tuple) else value for name, value in row.items()}
        for row in difference_rows(results)
    ]
    return {
        "study": "autoclip",
        "command": command,
        "voices": voices,
        "seeds": len({result.settings.seed for result in results}),
        "steps": results[0].settings.steps,
        "minutes": sum(result.seconds for result in results) / 60,
        "percentiles": list(percentile_rows(results)),
        "differences": differences,
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


def section(
    found: Mapping[str, Any], dynamics: str, percentiles: str | None, *, told: Collection[str] = ()
) -> list[str]:
    """A study's results as lines of Markdown.

    Args:
        found: As `summary` gives it, also when read back from results.json.
        dynamics: Link to that picture.
        percentiles: Link to that picture; None leaves it out.
        told: Deviations that were named before.
    """
    trainings, seeds = len(found["trainings"]), found["seeds"]
    lines = [
        "```",
        found["command"],
        "```",
        "",
        f"{trainings} trainings, {seeds} {'seed' if seeds == 1 else 'seeds'}, {found['steps']:,} steps each; "
        f"{found['minutes']:.0f} minutes of training.",
        "",
        f"![Training dynamics]({dynamics})",
        "",
        *table(found["percentiles"]),
        "",
    ]
    if found["differences"]:
        rows = [
            {name: shown_interval(value) if isinstance(value, list) else value for name, value in row.items()}
            for row in found["differences"]
        ]
        lines += [
            "AutoClip less no clipping, seed by seed: mean and 95 % interval (Student's t).",
            "",
            *table(rows),
            "",
        ]
        lines += [*(f"- {sentence}" for sentence in found["found"]), ""]
    if percentiles is not None:
        lines += [f"![Quality and loss by percentile]({percentiles})", ""]
    return [
        *lines,
        "What differs from the paper:",
        "",
        *(f"- {sentence}" for sentence in found["deviations"]),
    ]


def shown_interval(ends: Sequence[float | None]) -> str | None:
    """[mean, low, high] as it stands in a table; None ends are unknown."""
    mean, low, high = (math.nan if end is None else end for end in ends)
    return None if math.isnan(mean) else interval_text((mean, low, high))


def _ends(interval: tuple[float, float, float]) -> list[float | None]:
    return [None if math.isnan(end) else end for end in interval]
