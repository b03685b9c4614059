"""The study's results in tables, beside the published ones, with what differs named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.landscape import log_fit
from surefoot.recipes.separation.results import Result
from surefoot.recipes.separation.settings import PAPER, Objective, Settings

# SI-SDR in dB on WSJ0-2mix's test set, one training each: 4 BLSTM layers of 600. Seetharaman et al. 2020, table 1.
PUBLISHED: Mapping[Objective, Mapping[float, float]] = {
    "clustering": {0: 10.7, 1: 10.7, 10: 10.8, 25: 10.7, 50: 10.7, 90: 10.5, 100: 10.2},
    "whitened": {0: 11.1, 1: 11.2, 10: 11.0, 25: 11.0, 50: 11.0, 90: 11.0, 100: 10.8},
    "masks": {0: 10.0, 1: 10.3, 10: 10.2, 25: 9.9, 50: 9.2, 90: 8.7, 100: 8.5},
    "chimera": {0: 11.2, 1: 11.3, 10: 11.3, 25: 11.3, 50: 11.2, 90: 11.1, 100: 10.9},
}
# The same without that table's size: masks, 2 BLSTM layers of 300, with AutoClip (10) and without; section 5.
PUBLISHED_SMALL: Mapping[float, float] = {10: 9.2, 100: 8.1}
# Weights of clustering and masks in the chimera's loss; equation 7.
PUBLISHED_CHIMERA = (0.25, 0.75)
# r with and without AutoClip, 2 BLSTM layers of 300, mask inference; section 4.
PUBLISHED_R = (0.86, 0.62)

Rows = tuple[dict[str, Any], ...]


def published(settings: Settings) -> float | None:
    """What the paper gives for an arm: of its network of 2 x 300 where that is trained here, else of 4 x 600."""
    small = (settings.layers, settings.units, settings.objective) == (2, 300, "masks")
    found = PUBLISHED_SMALL if small else PUBLISHED[settings.objective]
    return found.get(settings.percentile)


def arms(results: Sequence[Result]) -> dict[float, list[Result]]:
    """Results by percentile, lowest first, each in the order of the seeds."""
    found: dict[float, list[Result]] = {}
    for result in sorted(results, key=lambda each: (each.settings.percentile, each.settings.seed)):
        found.setdefault(result.settings.percentile, []).append(result)
    return found


def percentile_rows(results: Sequence[Result]) -> Rows:
    """One row for each percentile: means over the seeds, with their standard deviation; 80 columns wide."""
    rows = []
    factor, unit = readable(results[0].late_loss)
    for percentile, found in arms(results).items():
        settings = found[0].settings
        rows.append(
            {
                "p": f"{percentile:g}" if settings.clips else "none",
                f"loss{unit}": spread([factor * result.late_loss for result in found]),
                "SI-SDRi, dB": spread([result.improvement.mean() for result in found]),
                "paper": published(settings),
                "r": interval_text(pooled_r(found)),
                "steps vary": float(np.mean([result.step_variation for result in found])),
                "clipped": f"{np.mean([result.clipped for result in found]):.0%}",
            }
        )
    return tuple(rows)


def difference_rows(results: Sequence[Result]) -> Rows:
    """AutoClip less no clipping, seed by seed: the mean with its 95 % interval (Student's t)."""
    by_arm = arms(results)
    plain = {result.settings.seed: result for result in by_arm.get(100.0, [])}
    rows = []
    for found in by_arm.values():
        pairs = [(result, plain[result.settings.seed]) for result in found if result.settings.seed in plain]
        if not found[0].settings.clips or not pairs:
            continue
        rows.append(
            {
                "p": arm_name(found[0].settings),
                "pairs": len(pairs),
                "loss, %": student([100 * (a.late_loss / b.late_loss - 1) for a, b in pairs]),
                "SI-SDRi, dB": student([a.improvement.mean() - b.improvement.mean() for a, b in pairs]),
                "r": student([_r(a) - _r(b) for a, b in pairs]),
                "steps vary": student([a.step_variation - b.step_variation for a, b in pairs]),
            }
        )
    return tuple(rows)


def pooled_r(results: Sequence[Result]) -> tuple[float, float, float] | None:
    """Pearson's r of log smoothness and log gradient norm within the trainings, with its 95 % interval.

    Fisher's transform, averaged over the trainings by their records. Neighbouring records are not independent,
    so the true interval is wider. None where a training has too few records.
    """
    try:
        fits = [log_fit(result.dynamics) for result in results]
    except SettingError:
        return None
    weights = np.array([fit.records - 3 for fit in fits], dtype=np.float64)
    middle = float(
        np.average([math.atanh(min(max(fit.r, -1 + 1e-12), 1 - 1e-12)) for fit in fits], weights=weights)
    )
    width = 1.959964 / math.sqrt(weights.sum())
    return math.tanh(middle), math.tanh(middle - width), math.tanh(middle + width)


def deviations(settings: Settings, voices: str) -> tuple[str, ...]:
    """How a study of these numbers differs from the published one, a sentence each."""
    own = [
        ("units", f"{settings.layers} BLSTM layers of {settings.units} units"),
        ("batch", f"batches of {settings.batch} x {settings.frames} frames"),
        ("steps", f"{settings.steps:,} steps"),
        ("lr", f"Adam at {settings.lr:g}"),
    ]
    theirs = {
        "units": "2 of 300 for the dynamics and 4 of 600 for the table",
        "batch": "25 x 400",
        "steps": "about 80,000",
        "lr": "1e-3",
    }
    alike = {
        "units": (settings.units, settings.layers) == (PAPER["units"], PAPER["layers"]),
        "batch": (settings.batch, settings.frames) == (PAPER["batch"], PAPER["frames"]),
        "steps": settings.steps >= PAPER["steps"],
        "lr": settings.lr == PAPER["lr"],
    }
    found = [f"Voices: {voices}; the paper has WSJ0-2mix, 101 speakers and 30 hours."]
    found += [f"Here {text}; the paper has {theirs[name]}." for name, text in own if not alike[name]]
    if settings.level_jitter:
        found.append(
            f"Each training mixture is made louder or softer at random (standard deviation "
            f"{settings.level_jitter:g} dB); the paper does not do that."
        )
    if settings.loss_scale != 1:
        found.append(f"The loss is multiplied by {settings.loss_scale:g}; the paper does not do that.")
    if settings.objective == "chimera" and settings.clustering_weight != PUBLISHED_CHIMERA[0]:
        weight = settings.clustering_weight
        clustering, masks = PUBLISHED_CHIMERA
        found.append(
            f"The chimera weighs its losses {weight:g} (clustering) and {1 - weight:g} (masks); the paper's "
            f"equation 7 has {clustering:g} and {masks:g}."
        )
    found += [
        "Quality is the SI-SDR improvement over the mixture on unseen utterances of the same speakers; the paper gives "
        "the SI-SDR itself on unseen speakers (a mixture's own is about 0 dB).",
        "Smoothness is the greatest of four gradient differences along each step (at 1/4, 1/2, 3/4 and all of it); the "
        "paper does not give its points in full.",
        "Inputs are standardised by each frequency's mean and deviation over the first training mixtures; segments in "
        "which a voice is nearly silent are drawn again.",
        "The clip factor is threshold / norm without the 1e-6 that torch's clip_grad_norm_ adds to the norm.",
    ]
    return tuple(found)


def verdicts(results: Sequence[Result]) -> tuple[str, ...]:
    """What the differences say, in words made from the numbers; an interval over zero says nothing."""
    found = []
    for row in difference_rows(results):
        told = []
        for name, better in (("loss, %", "lower"), ("SI-SDRi, dB", "higher"), ("r", "higher")):
            mean, low, high = row[name]
            if math.isnan(mean):
                continue  # too few records for a correlation
            way = "higher" if mean > 0 else "lower"
            text = f"{_measure(name)} {abs(mean):.2g}{_unit(name)} {way}"
            if math.isnan(low):
                text += " (one seed)"
            elif low <= 0 <= high:
                text = f"{_measure(name)} not clearly different"
            elif way != better:
                text += " (against the paper)"
            told.append(text)
        found.append(f"AutoClip at percentile {row['p']} against no clipping: {', '.join(told)}.")
    return tuple(found)


def arm_name(settings: Settings) -> str:
    """The percentile, or that there is no clipping."""
    return f"{settings.percentile:g}" if settings.clips else "no clipping"


def spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation, as far as two digits of the deviation; a single value to four digits.

    Example:
        >>> spread([1.0, 2.0]), spread([18.43, 18.44]), spread([3.14159])
        ('1.50 ± 0.71', '18.4350 ± 0.0071', '3.142')
    """
    mean = float(np.mean(values))
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    if not 0 < deviation < math.inf:
        return f"{mean:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(deviation)))
    return f"{mean:.{decimals}f} ± {deviation:.{decimals}f}"


def student(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % interval; NaN ends for a single value.

    Example:
        >>> tuple(round(end, 2) for end in student([1.0, 2.0, 3.0]))
        (2.0, -0.48, 4.48)
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan, math.nan
    from scipy.stats import t

    width = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean, mean - width, mean + width


def readable(value: float) -> tuple[float, str]:
    """A power of ten that makes a value readable, and its name; none for values that are so already."""
    if not 0 < abs(value) < 0.01:
        return 1.0, ""
    exponent = int(np.floor(np.log10(abs(value))))
    return 10.0**-exponent, f", 1e{exponent}"


def interval_text(interval: tuple[float, float, float] | None) -> str | None:
    """A middle with its ends, as it stands in a table."""
    if interval is None:
        return None
    middle, low, high = interval
    return f"{middle:.2f}" if math.isnan(low) else f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def _r(result: Result) -> float:
    found = pooled_r([result])
    return math.nan if found is None else found[0]


def _measure(name: str) -> str:
    return {"loss, %": "loss", "SI-SDRi, dB": "SI-SDR improvement"}.get(name, name)


def _unit(name: str) -> str:
    return {"loss, %": " %", "SI-SDRi, dB": " dB"}.get(name, "")
