"""The verdict in a few plain lines, and a finding in one.

`rows` is what is said; `verdict_text` sets it as plain lines; `terminal` sets the same rows with colour.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from surefoot.facts import Processes, Unmeasured, ValidationLoss
from surefoot.records import Finding, History, Run, Series
from surefoot.report.json import clip_rate, ends, folded, spread, unobserved_threads
from surefoot.report.numbers import duration, number, share, value
from surefoot.report.places import optimizer_labels
from surefoot.report.verdict import judge
from surefoot.rules.unjudged import unjudged

_MOST_NAMED = 8
RUNS = "surefoot-runs"  # the default of --runs
Kind = Literal["error", "warning", "information", "healthy", "plain"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the verdict.

    Args:
        label: What the line is about, "" for a line that belongs to the one above.
        body: What it says.
        kind: How grave it is, for colour.
    """

    label: str
    body: str
    kind: Kind = "plain"

    def __post_init__(self) -> None:
        # What a script or a run said in several lines must not pass for lines of the verdict.
        object.__setattr__(self, "body", " ".join(self.body.splitlines()))


def verdict_text(history: History, findings: Sequence[Finding]) -> str:
    """The verdict as plain lines, without a newline at the end.

    Example:
        >>> from surefoot.records import Run
        >>> print(verdict_text(History(Run("runs/a", "a", "a.py", status="finished", steps=0)), ()))
        surefoot: nothing trained
          trained      no optimizer step was recorded
          run          runs/a
          next         surefoot report runs/a
    """
    head = f"surefoot: {judge(history, findings).said}"
    return "\n".join([head, *(f"  {row.label:<12} {row.body}" for row in rows(history, findings))])


def finding_line(finding: Finding) -> str:
    """A finding in one line, as it appears while the script runs.

    Example:
        >>> finding_line(Finding("lr-too-high", "warning", "The loss rises.", "Divide it by 10.", step=1200))
        'surefoot: warning at step 1,200: The loss rises. [lr-too-high]'
    """
    at = "" if finding.step is None else f" at step {number(finding.step)}"
    return f"surefoot: {finding.severity}{at}: {finding.title} [{finding.code}]"


def rows(history: History, findings: Sequence[Finding]) -> list[Row]:
    """All lines below the headline: what was trained, the findings, the run's path and what to type next."""
    said = [
        Row("trained", trained(history)),
        *_processes(history),
        *_unseen(history),
        *_elsewhere(history),
        *_unmeasured(history),
    ]
    said += _unjudged(history)
    for finding in findings:
        said += finding_rows(finding)
    said.append(Row("run", history.run.path))
    following = f"surefoot report {shlex.quote(_reference(history.run))}"
    if findings:
        following = f"surefoot explain {findings[0].code}, {following}"
    said.append(Row("next", following))
    return said


def _processes(history: History) -> list[Row]:
    fact = history.fact(Processes)
    if fact is None:
        return []
    steps = {process.steps for process in fact.trained}
    each = "" if len(steps) > 1 else f", {number(fact.trained[0].steps)} steps each"
    named = [f"{p.name} ({number(p.steps)} steps)" if len(steps) > 1 else p.name for p in fact.trained]
    said = ", ".join(named[:_MOST_NAMED]) + (" …" if len(named) > _MOST_NAMED else "")
    return [
        Row("processes", f"{len(named)} trained{each}: {said}; numbers are those of {fact.trained[0].name}")
    ]


def _elsewhere(history: History) -> list[Row]:
    count = unobserved_threads(history)
    if not count:
        return []
    others = "1 other thread" if count == 1 else f"{number(count)} other threads"
    return [Row("threads", f"{others} trained unobserved: a run follows one thread.")]


def _unmeasured(history: History) -> list[Row]:
    facts = history.facts(Unmeasured)
    return [Row("not measured", f"{', '.join(fact.quantities)}: {fact.reason}") for fact in facts]


def _unjudged(history: History) -> list[Row]:
    sides = unjudged(history)
    return [Row("not judged", "; ".join(f"{side.what} ({side.reason})" for side in sides))] if sides else []


def _unseen(history: History) -> list[Row]:
    """What of the training was not recorded, and why."""
    verdict = judge(history, ())
    if verdict.extent != "recording stopped":
        return []
    until = f"until step {number(verdict.steps)} only" if verdict.steps else "nothing"
    return [Row("recorded", f"{until}, the training went on: {verdict.reason}")]


def _reference(run: Run) -> str:
    """The shortest that names the run to a command: its name if it lies where runs lie by default."""
    parts = [part for part in re.split(r"[/\\]", run.path) if part]
    return run.name if parts[-2:] == [RUNS, run.name] else run.path


def trained(history: History) -> str:
    """What was trained and how far it came, in one line."""
    run = history.run
    parts = ["stopped"] if run.status == "stopped" else []
    if not run.steps:
        seen = f" in {number(run.backwards)} backward passes" if run.backwards else ""
        return ", ".join([*parts, f"no optimizer step was recorded{seen}"])
    seconds = elapsed(history)
    parts.append(f"{number(run.steps)} steps" + (f" in {duration(seconds)}" if seconds is not None else ""))
    parts += _losses(history)
    validation = history.metric("val_loss")
    parts += _validation(history, validation)
    norm = spread(history.series("grad_norm"))
    if norm["median"] is not None and norm["max"] is not None:
        parts.append(f"gradient norm median {number(norm['median'])}, max {number(norm['max'])}")
    rate = clip_rate(history)
    if rate is not None:
        parts.append(f"clipped at {share(rate)} of the steps")
    return "; ".join(parts)


def finding_rows(finding: Finding) -> list[Row]:
    """A main finding: what, where, evidence, fix, and a line for each that it explains."""
    at = "" if finding.step is None else f" (step {number(finding.step)})"
    said = [Row(finding.severity, f"{finding.code}: {finding.title}{at}", finding.severity)]
    if finding.where:
        said.append(Row("", f"where: {finding.where}"))
    if finding.evidence:
        said.append(Row("", f"evidence: {value(finding.evidence)}"))
    said.append(Row("", f"fix: {finding.fix}"))
    if finding.consequences:
        titles = {consequence.code: consequence.title for consequence in reversed(folded(finding))}
        said += [Row("", f"explains also {code}: {titles[code]}") for code in reversed(titles)]
    return said


def elapsed(history: History) -> float | None:
    """Seconds the run took so far; None if no clock was recorded."""
    run = history.run
    last = run.ended if run.ended is not None else run.heartbeat
    if last is not None and run.started:
        return last - run.started
    times = history.series("time").finite.values
    return float(times[-1]) if len(times) else None


def _losses(history: History) -> list[str]:
    labels = optimizer_labels(history)
    recorded = [(index, label, history.series("loss", index)) for index, label in labels.items()]
    return [
        f"{f'loss of {label}' if label else 'loss'} {_course(one)}{_summed(history, index)}"
        for index, label, one in recorded
        if len(one)
    ]


def _validation(history: History, validation: Series) -> list[str]:
    """The validation loss with what there is to know of it, or why there is none."""
    fact = history.fact(ValidationLoss)
    if len(validation):
        remarks = []
        if fact is not None and fact.summed and fact.per == "example":
            remarks.append("per example")
        if fact is not None and fact.shown and fact.part:
            remarks.append(f"{' and '.join(fact.functions)} alone, training follows more")
        remark = f" ({'; '.join(remarks)})" if remarks else ""
        return [f"validation loss {_course(validation)}{remark}"]
    if fact is not None and not fact.shown:
        return [f"validation loss not seen, only its part {' and '.join(fact.functions)}"]
    return []


def _summed(history: History, optimizer: int) -> str:
    """Of how many backward passes a step's loss is the sum, where that is more than one."""
    counts = history.series("micro_steps", optimizer).values
    usual = int(np.median(counts)) if len(counts) else 1
    return f" (each the sum of {usual} backward passes)" if usual > 1 else ""


def _course(series: Series) -> str:
    course = ends(series)
    first, last, best = course["first"], course["last"], course["best"]
    assert first is not None
    assert last is not None
    text = f"{number(first)} -> {number(last)}"
    return text if best is None or best == last else f"{text} (best {number(best)})"
