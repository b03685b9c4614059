"""Runs held against the first of them: read, judged, compared pair by pair."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from surefoot.comparison.judging import judged, objective
from surefoot.comparison.parting import parting
from surefoot.comparison.records import Comparison, Objective, Pair, Relation, Side, Word
from surefoot.comparison.seeds import without_seeds
from surefoot.comparison.sentence import sentence
from surefoot.comparison.settings import differences
from surefoot.diagnosis import HasHistory, history_of
from surefoot.errors import SettingError
from surefoot.facts import RangeTest
from surefoot.records import Finding, History
from surefoot.report.verdict import judge
from surefoot.rules import diagnose
from surefoot.store.reader import FULL_LAYER_ENTRIES, open_run

FEWEST = 2
EVERY_ROW = 2**62


def compare(
    *compared: str | Path | History | HasHistory,
    runs: str | Path = "surefoot-runs",
    ignore: Iterable[str] = (),
) -> Comparison:
    """Hold runs against the first of them: what changed, and did it help?

    Args:
        compared: Two or more runs, each as `diagnose` takes one: a folder or run.db, a name, the beginning of one,
            "last", the observation that `watch` returned, or a history.
        runs: Folder in which names are looked up.
        ignore: Codes of findings not to report.

    Returns:
        What changed. Printed, it is one sentence.

    Raises:
        SettingError: Fewer than two runs.
        RunNotFound: No run of that name or path.
        StoreError: A run cannot be read.

    Example:
        >>> from surefoot.records import Run, Series
        >>> def recorded(name, losses):
        ...     return History(Run("", name, "a.py", status="finished"), metrics={"val_loss": Series.of(losses)})
        >>> print(compare(recorded("first", [2.0, 1.5]), recorded("second", [2.0, 0.5])))
        better: validation loss 0.5 against 1.5 after 2 steps; no findings in either
    """
    if len(compared) < FEWEST:
        raise SettingError("compare takes at least two runs: name another one, as in `surefoot compare A B`.")
    codes = tuple(ignore)
    histories = [history_of(run, runs) for run in compared]
    for history in histories:
        if history.fact(RangeTest) is not None:
            raise SettingError(
                f"{history.run.name} is a learning-rate range test, no training: surefoot show prints it."
            )
    return between([(_whole(history), diagnose(history, ignore=codes)) for history in histories])


def _whole(history: History) -> History:
    """With every sampled step of the parameters: thinned rows are of no step that another run has."""
    kept = history.parameter_layers
    if not history.run.path or all(layers.values.size <= FULL_LAYER_ENTRIES // 3 for layers in kept.values()):
        return history  # thinned ones have at least half of what may be kept
    with open_run(history.run.path) as reader:
        whole = {name: reader.layers("parameter", name, rows=EVERY_ROW) for name in kept}
    return replace(history, parameter_layers=whole)


def between(judged_runs: Sequence[tuple[History, Sequence[Finding]]]) -> Comparison:
    """Hold histories with their findings against the first of them; pure.

    Args:
        judged_runs: Two or more.
    """
    labels = _labels([history for history, _ in judged_runs])
    sides = tuple(
        Side(label, history, tuple(findings), judge(history, findings))
        for label, (history, findings) in zip(labels, judged_runs, strict=True)
    )
    pairs = tuple(_pair(sides, place) for place in range(1, len(sides)))
    made = Comparison("", sides, pairs, _groups(sides), _ranked_by(sides, pairs))
    return replace(made, said=sentence(made))


def _ranked_by(sides: Sequence[Side], pairs: Sequence[Pair]) -> Objective | None:
    """What runs are ranked by; one without such a loss, or with less than half of the steps, is left out."""
    reached = {pair.after: pair.objective.step for pair in pairs if pair.objective is not None}
    farthest = max(reached.values(), default=0)
    places = (0, *(place for place, step in reached.items() if 2 * step >= farthest))
    found, _ = objective([sides[place].history for place in places]) if len(places) > 1 else (None, None)
    return None if found is None else replace(found, places=places)


def _pair(sides: Sequence[Side], place: int) -> Pair:
    one, other = sides[0], sides[place]
    found, reason = objective([one.history, other.history])
    before, after = ({f.code: f for f in side.findings} for side in (one, other))
    gone = tuple(f for code, f in before.items() if code not in after)
    new = tuple(f for code, f in after.items() if code not in before)
    kept = tuple(f for code, f in after.items() if code in before)
    changed = differences(one.history, other.history)
    word: Word = judged(*found.readings) if found is not None else _by_findings(gone, new)
    if other.verdict.extent == "failed" and one.verdict.extent != "failed":
        word, reason = "worse", f"{other.label} failed"
    return Pair(
        0,
        place,
        word,
        relation(one.history, other.history),
        found,
        reason,
        gone,
        new,
        kept,
        changed,
        _diff(one, other),
        parting(one.history, other.history),
    )


def relation(one: History, other: History) -> Relation:
    """What kind of change lies between two runs.

    Example:
        >>> from surefoot.records import Run
        >>> relation(
        ...     History(Run("runs/a", "a", "a.py", ("--seed", "1"), source="train()")),
        ...     History(Run("runs/b", "b", "a.py", ("--seed", "2"), source="train()")),
        ... )
        'seed'
    """
    if one.run.path and one.run.path == other.run.path:
        return "one run"
    if not one.run.source or without_seeds(one.run.source) != without_seeds(other.run.source):
        return "changed"  # or not known to be the same
    # Of two equal texts the file's name says nothing.
    sections = {difference.section for difference in differences(one, other) if difference.name != "script"}
    if sections & {"command", "settings", "data", "model"}:
        return "changed"
    if "seed" in sections or one.run.source != other.run.source:
        return "changed" if "environment" in sections else "seed"
    return "repeat"


def _by_findings(gone: Sequence[Finding], new: Sequence[Finding]) -> Word:
    faults = [{f.code for f in found if f.severity != "information"} for found in (gone, new)]
    if bool(faults[0]) == bool(faults[1]):
        return "unknown"
    return "better" if faults[0] else "worse"


def _groups(sides: Sequence[Side]) -> tuple[tuple[int, ...], ...]:
    groups: list[list[int]] = []
    for place, side in enumerate(sides):
        for group in groups:
            if relation(sides[group[0]].history, side.history) in ("seed", "repeat"):
                group.append(place)
                break
        else:
            groups.append([place])
    return tuple(map(tuple, groups))


def _diff(one: Side, other: Side) -> str:
    before, after = one.history.run.source, other.history.run.source
    if not before or not after:
        return ""
    old, new = (f"{side.history.run.script} ({side.label})" for side in (one, other))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")
    return "\n".join(lines)


def _labels(histories: Sequence[History]) -> list[str]:
    """Names of runs, told apart by their paths, else by their place, where several have the same."""
    names = [history.run.name or f"run {at}" for at, history in enumerate(histories, start=1)]
    if len(set(names)) < len(names):
        paths = [history.run.path or name for history, name in zip(histories, names, strict=True)]
        apart = {
            name for name in names if len({p for p, n in zip(paths, names, strict=True) if n == name}) > 1
        }
        names = [path if name in apart else name for path, name in zip(paths, names, strict=True)]
    return [name if names.count(name) == 1 else f"{name} ({at})" for at, name in enumerate(names, start=1)]
