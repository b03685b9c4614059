"""`surefoot reproduce`: a published study, trained anew and set beside its published numbers."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from surefoot.cli.output import say, show, show_rich
from surefoot.cli.places import check_folder
from surefoot.cli.train import parsed, results_table
from surefoot.errors import SettingError

STUDIES = ("autoclip",)
_QUICK: dict[str, Any] = {"steps": 400, "tests": 10}
_QUICK_PERCENTILES = (10.0, 100.0)


def reproduce_study(
    study: str,
    data: str | None,
    out: str | None,
    percentiles: str | None,
    seeds: int | None,
    steps: int | None,
    quick: bool,
    settings: tuple[str, ...],
) -> None:
    """Train what is missing of a study, then print its tables and draw its figures."""
    if study not in STUDIES:
        near = difflib.get_close_matches(study, STUDIES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(STUDIES)}."
        raise SettingError(f"There is no study {study!r} to reproduce: {hint}")
    check_folder("--out", out)
    from surefoot.recipes import require_packages

    require_packages("separation")
    from surefoot.recipes.separation import report, table
    from surefoot.recipes.separation import study as studies
    from surefoot.recipes.separation.corpus import find_corpus
    from surefoot.recipes.separation.settings import Settings

    given = parsed(settings)
    speakers = [name.strip() for name in given.pop("speakers", "").split(",") if name.strip()]
    numbers = (_QUICK if quick else {}) | _typed(given) | ({} if steps is None else {"steps": steps})
    levels = (
        _percentiles(percentiles) if percentiles else (_QUICK_PERCENTILES if quick else studies.PERCENTILES)
    )
    plan = studies.Study(Settings(**numbers), levels, seeds or (1 if quick else 3))
    corpus = find_corpus(Path(data).expanduser() if data else None, speakers=speakers)
    folder = Path(out or f"surefoot-recipes/{study}")
    say(
        f"{study}: {corpus.description}; {len(plan.trainings())} trainings of {plan.base.steps:,} steps into {folder}"
    )
    results = studies.run(plan, corpus, folder, say=say)
    command = _command(study, percentiles, seeds, steps, quick, settings)
    written = report.write_report(results, corpus.description, folder, command)
    show_rich(results_table(table.percentile_rows(results)), "", *table.verdicts(results), "")
    for path in written:
        show(path)


def _percentiles(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise SettingError(f"--percentiles {text} is no list of numbers: write them as 1,10,100.") from None


def _typed(given: Mapping[str, str]) -> dict[str, Any]:
    """Settings by name in the types of their defaults."""
    from surefoot.recipes.separation.settings import Settings

    defaults: dict[str, Any] = {field.name: field.default for field in fields(Settings)}
    found: dict[str, Any] = {}
    for name, text in given.items():
        if name not in defaults or name in ("percentile", "seed"):
            near = difflib.get_close_matches(name, [*defaults, "speakers"], n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has speakers, {', '.join(defaults)}."
            if name == "percentile":
                hint = "give --percentiles."
            if name == "seed":
                hint = "give --seeds, how many."
            raise SettingError(f"{name!r} is no number of the study: {hint}")
        kind = type(defaults[name])
        try:
            found[name] = kind(text)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            raise SettingError(
                f"{name} = {text} is not {wanted}; its own value is {defaults[name]}."
            ) from None
    return found


def _command(
    study: str,
    percentiles: str | None,
    seeds: int | None,
    steps: int | None,
    quick: bool,
    settings: tuple[str, ...],
) -> str:
    """What was typed, without the places of this machine."""
    parts = ["surefoot", "reproduce", study, *(["--quick"] if quick else [])]
    for name, value in (("--percentiles", percentiles), ("--seeds", seeds), ("--steps", steps)):
        parts += [] if value is None else [name, str(value)]
    for setting in settings:
        parts += ["--set", setting]
    return shlex.join(parts)
