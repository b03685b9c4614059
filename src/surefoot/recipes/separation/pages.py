"""Writes docs/recipes/autoclip.md from finished studies: `python -m surefoot.recipes.separation.pages FOLDER docs`.

FOLDER holds a folder for each study, as `make reproduce` leaves them.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surefoot.recipes.pages import table
from surefoot.recipes.separation.report import TERMS, section, shown_interval

# Folder -> heading, and why it was trained.
STUDIES = {
    "level-jitter": (
        "Mixtures of very different loudness",
        "The level of each training mixture is drawn, with a standard deviation of 8 dB. That spreads the gradient "
        "norms, as recordings of many rooms and microphones would. It is ours, not the paper's.",
    ),
    "as-published": (
        "Mixtures as the paper makes them",
        "Only the ratio of the two voices is drawn, from 0 to 5 dB. The gradient norms then differ much less from step "
        "to step.",
    ),
    "loss-scale": (
        "The loss made a thousand times larger",
        "Adam divides by the root of its second moment plus 1e-8, and gradients clipped to 1e-4 come near that. With "
        "the loss a thousand times larger the 1e-8 plays no part: a gain that vanished here would have been Adam's "
        "doing. Compare with the mixtures of very different loudness.",
    ),
    "300-units": (
        "The network of the paper's figure",
        "Two BLSTM layers of 300 units, on small batches and for few steps.",
    ),
    "whitened": (
        "Whitened k-means deep clustering",
        "The network places each spot of the spectrogram in 20 dimensions, and k-means finds the voices there.",
    ),
    "clustering": (
        "Classic deep clustering",
        "The same by the older loss: affinities of all pairs of spots.",
    ),
    "chimera": ("Chimera: masks and whitened k-means", "Both heads on one network, both losses at once."),
}

# Mixtures of drawn loudness, which are ours; the second is the first with another factor before the loss.
DRAWN = ("level-jitter", "loss-scale")
KINDS = ("of the paper's mixtures", "of our mixtures of drawn loudness (the same ones each time)")

MEASURES = {
    "Loss, %": "loss, %",
    "SI-SDR improvement, dB": "SI-SDRi, dB",
    "r": "r",
    "Variation of the step sizes": "steps vary",
}

OPENING = """
# The AutoClip study, reproduced small

AutoClip (Seetharaman, Wichern, Pardo, Le Roux 2020, [arXiv:2007.14469](https://arxiv.org/abs/2007.14469))
clips each gradient to a percentile of all gradient norms so far. Its authors trained source separation
networks on WSJ0-2mix and found that clipping to a low percentile separates better, with steps of steadier
size through smoother parts of the loss surface. This page has what `surefoot reproduce autoclip` found of
that on two voices and a CPU.

**It is small.** The paper's networks took about 80,000 steps of 25 x 400 frames on 30 hours of 101 speakers;
one such arm would take more than a day on two cores. Here, networks of a few hundred thousand parameters took
a few thousand steps of 4 x 64 frames on 50 minutes of two speakers. They are far from done when they stop, so
what follows is about how training begins, and the decibels stand far below the paper's. Each number is the
mean of as many seeds as its table says; where an interval holds 0, nothing is claimed. The code takes the
paper's sizes: `--data` names WSJ0-2mix, and units, layers, batch, frames and steps are set.

The voices: Allison (English) and Carlo (Italian), telephone prompts from Debian's
`asterisk-core-sounds-en-wav` (CC BY-SA 3.0) and `asterisk-core-sounds-it-wav` (CC BY 3.0). They are
installed, not part of surefoot.

The studies share seeds and voices, so they do not confirm each other independently, and those with drawn
loudness go beyond the paper.

**What was not reproduced.**

- On mixtures as the paper makes them, a gain in quality or loss: both intervals hold 0.
- *Smoother parts of the loss surface*: how smooth the surface is along the way was not compared between the arms,
  only how it goes with the gradient norm (r). And there the paper's difference, 0.86 with AutoClip and 0.62
  without, does not show: r is as high without it.
- Not tried: percentile 0, the paper's loss L_SNR, unseen speakers (one woman and one man are all the voices there
  are), pairs of one sex.
- One rate served both arms; it was not tuned for each. Three seeds on one machine: another number of threads or
  another machine rounds differently, and a seed's numbers move by more than some of these intervals.

`make reproduce` trains all of it again, and goes on where it was stopped.
"""


def page(studies: Mapping[str, Mapping[str, Any]]) -> str:
    """The page of all studies.

    Args:
        studies: Name -> what its results.json has, in the order shown.
    """
    compared = [
        (name, row) for name, found in studies.items() for row in found["differences"] if row["p"] == "10"
    ]
    rows = [
        {
            "study": f"[{STUDIES[name][0]}](#{_anchor(STUDIES[name][0])})",
            "objective": studies[name]["trainings"][0]["objective"],
            "seeds": row["pairs"],
            **{column: shown_interval(row[column]) for column in MEASURES.values()},
        }
        for name, row in compared
    ]
    lines = [
        OPENING.strip(),
        "",
        "## In short",
        "",
        "AutoClip at percentile 10 less no clipping, seed by seed, mean and 95 % interval:",
        "",
        *table(rows),
        "",
        *(
            f"- {sentence}"
            for ours in (False, True)
            for sentence in counted(
                {STUDIES[name][0]: row for name, row in compared if (name in DRAWN) == ours}, KINDS[ours]
            )
        ),
        "",
        TERMS,
        "",
        "In the figures: step size, loss, and local smoothness against gradient norm along the training, above without "
        "clipping, below with it.",
    ]
    lists = [found["deviations"] for found in studies.values()]
    common = [sentence for sentence in (lists[0] if lists else ()) if all(sentence in each for each in lists)]
    if len(lists) > 1:
        lines += [
            "",
            "## What differs from the paper in all of them",
            "",
            *(f"- {sentence}" for sentence in common),
        ]
    else:
        common = []
    for name, found in studies.items():
        pictures = f"../images/recipes/autoclip-{name}"
        several = len(found["percentiles"]) > 2
        lines += ["", f"## {STUDIES[name][0]}", "", STUDIES[name][1], ""]
        lines += section(
            found, f"{pictures}-dynamics.png", f"{pictures}-percentiles.png" if several else None
        )
    return "\n".join(lines) + "\n"


def counted(rows: Mapping[str, Mapping[str, Any]], kind: str) -> list[str]:
    """Of each measure, in which studies AutoClip clearly raised or lowered it, and by how much.

    Args:
        rows: Heading -> differences, each measure [mean, low, high]; low and high are None for a single seed.
        kind: What the studies are of.

    Example:
        >>> counted({"A": {"r": [-2, -3, -1]}, "B": {"r": [1, -1, 3]}, "C": {"r": [1, None, None]}}, "of voices")
        ['r: of the 2 studies of voices with several seeds clearly lower in 1 (A: -2.00), clearly higher in none.']
    """
    found = []
    for name, column in MEASURES.items():
        ends = {heading: row[column] for heading, row in rows.items() if column in row}
        known = {heading: interval for heading, interval in ends.items() if None not in interval[1:]}
        lower = _listed({heading: mean for heading, (mean, _, high) in known.items() if high < 0})
        higher = _listed({heading: mean for heading, (mean, low, _) in known.items() if low > 0})
        if known:
            studies = f"{len(known)} studies" if len(known) > 1 else "one study"
            found.append(
                f"{name}: of the {studies} {kind} with several seeds clearly lower in {lower}, clearly higher in "
                f"{higher}."
            )
    return found


def _listed(means: Mapping[str, float]) -> str:
    shown = "; ".join(f"{heading}: {mean:.2f}" for heading, mean in means.items())
    return f"{len(means)} ({shown})" if means else "none"


def write(folder: Path, documents: Path) -> Path:
    """Write the page and its pictures.

    Args:
        folder: Of the studies; those that are not there are left out.
        documents: The folder docs.

    Returns:
        The page.
    """
    pictures = documents / "images" / "recipes"
    pictures.mkdir(parents=True, exist_ok=True)
    studies = {}
    for name in STUDIES:
        if not (folder / name / "results.json").is_file():
            continue
        studies[name] = json.loads((folder / name / "results.json").read_text(encoding="utf-8"))
        shown = ["dynamics", "percentiles"] if len(studies[name]["percentiles"]) > 2 else ["dynamics"]
        for picture in shown:
            shutil.copyfile(folder / name / f"{picture}.png", pictures / f"autoclip-{name}-{picture}.png")
    target = documents / "recipes" / "autoclip.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(studies), encoding="utf-8")
    return target


def _anchor(heading: str) -> str:
    return "".join(c for c in heading.lower().replace(" ", "-") if c.isalnum() or c == "-")


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), Path(sys.argv[2])))
