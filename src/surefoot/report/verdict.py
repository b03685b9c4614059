"""The verdict: healthy or not, and how much of the training was seen. Whatever shows it or ends with it asks here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from surefoot.facts import Process, Processes, Recording, Threads
from surefoot.records import Extent, Finding, History, Run, Severity, Status, Verdict, Word
from surefoot.report.numbers import number

# Backward passes below which nothing can be said of learning: the rules that judge a loss's course ask for 10 losses.
FEWEST = 10

# Of several processes the gravest end counts; one that is gone without a word may be why another failed.
_ENDED_BADLY: tuple[Extent, ...] = ("end unknown", "failed", "interrupted", "running")
_MOST_NAMED = 4
_WHOLE: tuple[Extent, ...] = ("whole", "limited")


def judge(history: History, findings: Sequence[Finding]) -> Verdict:
    """Whether a training is healthy.

    Args:
        history: The run.
        findings: As the rules engine gives them.

    Returns:
        "healthy" only for a training that was seen to its end (or to the limit asked for) and was long enough to be
        judged; a finding counts whatever was missed.

    Example:
        >>> from surefoot.records import Run
        >>> judge(History(Run("", "", "a.py", status="failed", error="ValueError: x", steps=31, backwards=31)), ()).said
        'the script failed at step 31 with ValueError: x'
    """
    extent, steps = _extent(history), _recorded(history)
    severities = {finding.severity for finding in findings}
    word: Word = "healthy" if extent in _WHOLE else "unknown"
    word = "error" if "error" in severities else "warning" if "warning" in severities else word
    clause = _clause(history, extent, steps)
    counts = _counts([finding.severity for finding in findings])
    said = f"{word} ({counts})" if counts else ""
    said = ", ".join(part for part in (said, clause) if part) or "healthy"
    return Verdict(word, extent, steps, said, _reason(history, extent))


def extent_of(run: Run, stopped: bool = False) -> Extent:
    """How far a run was recorded, as far as its own row tells.

    Args:
        run: The run.
        stopped: Recording stopped before the training ended.
    """
    if stopped and run.status != "running":
        return "recording stopped"
    ends: dict[str, Extent] = {
        "running": "running", "crashed": "end unknown", "failed": "failed", "interrupted": "interrupted",
    }  # fmt: skip
    if run.status in ends:
        return ends[run.status]
    if not run.backwards and not run.steps:
        return "nothing trained"
    if not run.steps:
        return "no step"
    if max(run.steps, run.backwards) < FEWEST:
        return "too short"
    return "limited" if run.status == "stopped" else "whole"


def _extent(history: History) -> Extent:
    ends = _ends(history)
    return min(ends.values(), key=_ENDED_BADLY.index) if ends else _own_extent(history)


def _ends(history: History) -> dict[Process, Extent]:
    """How those of several processes ended that did not end well."""
    fact = history.fact(Processes)
    extents = {process: extent_of(_as_run(process)) for process in (fact.trained if fact is not None else ())}
    return {process: extent for process, extent in extents.items() if extent in _ENDED_BADLY}


def _as_run(process: Process) -> Run:
    status = cast("Status", process.status if process.status in get_args(Status) else "crashed")
    return Run("", process.name, "", status=status, steps=process.steps, backwards=process.backwards)


def _own_extent(history: History) -> Extent:
    extent = extent_of(history.run, history.fact(Recording) is not None)
    if extent == "nothing trained" and any(fact.unobserved for fact in history.facts(Threads)):
        return "elsewhere"
    return extent


def _recorded(history: History) -> int:
    """The last step of which anything was kept."""
    ends = [int(series.steps[-1]) for (name, _), series in history.step_series.items() if len(series)]
    return max(ends, default=0 if history.fact(Recording) is not None else history.run.steps)


def _reason(history: History, extent: Extent) -> str | None:
    fact = history.fact(Recording)
    if extent == "recording stopped" and fact is not None:
        return fact.stopped
    if extent == "failed":
        return history.run.error or f"exit code {history.run.exit_code}"
    return None


def _clause(history: History, extent: Extent, steps: int) -> str:
    ends = _ends(history)
    if not ends:
        return _own_clause(history, extent, steps)
    ordered = sorted(ends, key=lambda process: _ENDED_BADLY.index(ends[process]))
    said = [_end_of(process, ends[process]) for process in ordered[:_MOST_NAMED]]
    return ", ".join([*said, *([f"{len(ordered) - _MOST_NAMED} more"] if len(ordered) > _MOST_NAMED else [])])


def _end_of(process: Process, extent: Extent) -> str:
    said = {
        "end unknown": f"recording of {process.name} ended at step {number(process.steps)}, how it ended is not known",
        "failed": f"{process.name} failed at step {number(process.steps)} with {process.error}",
        "interrupted": f"{process.name} was interrupted at step {number(process.steps)}",
        "running": f"{process.name} is still running, recorded until step {number(process.steps)}",
    }
    return said[extent]


def _own_clause(history: History, extent: Extent, steps: int) -> str:
    run, at = history.run, f"at step {number(steps)}" if steps else "before the first step"
    clauses: dict[Extent, str] = {
        "whole": "",
        "limited": "",
        "running": f"still running, recorded until step {number(steps)}" if steps else "still running",
        "recording stopped": f"recording stopped {at}",
        "failed": f"the script failed {at} with {_reason(history, extent)}",
        "interrupted": f"interrupted {at}",
        "end unknown": f"recording ended {at}; how the training ended is not known",
        "nothing trained": "nothing trained",
        "no step": f"no optimizer step in {number(run.backwards)} backward passes",
        "too short": f"too short to judge: {number(steps)} step{'s' if steps != 1 else ''}",
        "elsewhere": "nothing trained in the thread that was observed, but in others",
    }
    return clauses[extent]


def _counts(severities: Sequence[Severity]) -> str:
    counted = [(severities.count(severity), severity) for severity in ("error", "warning")]
    return ", ".join(f"{count} {severity}{'s' if count > 1 else ''}" for count, severity in counted if count)
