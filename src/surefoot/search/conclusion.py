"""From the results of all members to a sweep with its verdict."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surefoot.capture.script import Target
from surefoot.lr_range_test.command import next_command as of_a_rate
from surefoot.lr_range_test.command import written
from surefoot.search.axes import Axis
from surefoot.search.records import TRAINING, VALIDATION, Configuration, Sweep, Verdict
from surefoot.search.results import Result
from surefoot.search.settings import DRIVEN, Member, Setting, shown
from surefoot.search.verdict import ranked, rivals, verdict


def concluded(
    target: Target,
    source: str,
    axes: tuple[Axis, ...],
    seeds: int,
    members: Sequence[Member],
    results: Mapping[Member, Result],
    path: Path | None,
) -> Sweep:
    """Rank and judge.

    Args:
        target: The script.
        source: Its text.
        axes: What varied.
        seeds: Of each setting.
        members: All that were to run.
        results: Of those that did.
        path: The sweep's folder.
    """
    objective = objective_of(list(results.values()))
    settings: dict[Setting, dict[int, Result]] = {}
    for member in members:
        found = settings.setdefault(member.setting, {})
        if member in results:
            found[member.seed] = results[member]
    configurations = ranked([Configuration(s, r, objective, seeds) for s, r in settings.items()])
    opposed = any(result.opposed for result in results.values())
    judged = verdict(configurations, seeds)
    if opposed and objective == TRAINING:
        judged = Verdict(
            "nothing to recommend: its optimizers follow losses of their own, as in a GAN, and a lower one is no "
            "better training; log a measure as val_loss, or look at the runs."
        )
    stopped = sum(result.status == "stopped" for result in results.values())
    return Sweep(
        target.name,
        target.arguments,
        axes,
        objective,
        tuple(configurations),
        judged,
        seeds,
        stopped,
        (*_remarks(configurations, axes, judged, results), *rivals(configurations, axes)),
        path,
        "" if judged.best is None else next_command(target, source, judged.best.setting),
    )


def objective_of(results: Sequence[Result]) -> str:
    """The validation loss where every training has one, else the training loss."""
    trained = [result for result in results if result.trained]
    return VALIDATION if trained and all(r.validation is not None for r in trained) else TRAINING


def next_command(target: Target, source: str, setting: Setting) -> str:
    """What to run, and what is to be changed before it."""
    whole = Target(target.name, (*target.arguments, *setting.arguments), target.is_module)
    driven = {name: value for name, value in setting.values if name in DRIVEN}
    if list(driven) == ["lr"] and float(written(float(driven["lr"]))) == driven["lr"]:
        return of_a_rate(whole, source, float(driven["lr"]), None)
    module = ("-m",) if target.is_module else ()
    command = f"surefoot run {shlex.join((*module, whole.name, *whole.arguments))}"
    changes = [f"{name} {shown(value)}" for name, value in driven.items()]
    return f"set {', '.join(changes)} in the script, then: {command}" if changes else command


def _remarks(
    configurations: Sequence[Configuration],
    axes: Sequence[Axis],
    judged: Verdict,
    results: Mapping[Member, Result],
) -> list[str]:
    found = []
    trained = [result for result in results.values() if result.trained]
    with_validation = sum(result.validation is not None for result in trained)
    if trained and not with_validation:
        found.append("ranked by the training loss: no validation loss was found or logged")
    elif with_validation < len(trained):
        found.append(
            f"ranked by the training loss: only {with_validation} of {len(trained)} trainings have a validation loss"
        )
    troubled = [c for c in configurations if c.trouble and c.status in ("failed", "refused", "crashed")]
    found += [f"{c.said}: {c.status}: {c.trouble}" for c in troubled[:5]]
    stopped = sum(result.status == "stopped" for result in results.values())
    if stopped:
        found.append(
            f"{stopped} of {len(results)} trainings were stopped as hopeless; their settings trained from no other seed"
        )
    edge = _edge(axes, judged)
    return [*found, *([edge] if edge else [])]


def _edge(axes: Sequence[Axis], judged: Verdict) -> str | None:
    """Whether the best lies at an end of what was tried."""
    best = judged.best
    for axis in axes if best is not None else ():
        numbers: list[Any] = [value for value in axis.values if isinstance(value, float)]
        if best is None or len(numbers) < 3:
            continue
        value = best.setting.get(axis.name)
        for end, way in ((min(numbers), "lower"), (max(numbers), "higher")):
            if value == end:
                return f"the best {axis.name} is at the end of what was tried: a {way} one may be better"
    return None
