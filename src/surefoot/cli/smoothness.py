"""`surefoot landscape --smoothness`: local smoothness along the paths of a script, a run or a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.cli.output import show
from surefoot.errors import SettingError

if TYPE_CHECKING:
    from surefoot.cli.subjects import Subject
    from surefoot.surfaces import Smoothness


def measured(subject: Subject, records: int | None, progress: Any) -> list[Smoothness]:
    """One record for each path."""
    from surefoot.landscape import smoothness_along

    given: dict[str, Any] = {} if records is None else {"records": records}
    return [smoothness_along(subject.objective, t, progress=progress, **given) for t in subject.trajectories]


def shown(records: list[Smoothness], target: Path, subject: Subject, dpi: int | None) -> None:
    """Print each record in a sentence, and write them: one picture of all, or a file of numbers each."""
    from surefoot.figures import draw

    names = [trajectory.name for trajectory in subject.trajectories]
    for name, record in zip(names, records, strict=True):
        show(f"{name}: {told(record)}.")
    if target.suffix.lower() != ".npz":
        show(draw(dict(zip(names, records, strict=True)), target, dpi=dpi))
        return
    for number, record in enumerate(records, start=1):
        path = target if len(records) == 1 else target.with_stem(f"{target.stem}-{number}")
        show(draw(record, path))


def told(record: Smoothness) -> str:
    """Range, and correlation with the gradient norm."""
    from surefoot.landscape import log_fit

    low, high = record.smoothness.min(), record.smoothness.max()
    text = f"smoothness from {low:.4g} to {high:.4g} in {len(record)} records, one in {record.every} steps"
    try:
        fit = log_fit(record)
    except SettingError as error:
        return f"{text}; no correlation with the gradient norm ({error})"
    return f"{text}; its logarithm and that of the gradient norm: r = {fit.r:.2f} [{fit.low:.2f}, {fit.high:.2f}]"
