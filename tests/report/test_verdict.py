"""How much of a training a verdict is of: each extent has a word of its own, the same wherever it is shown."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from report import histories
from surefoot.facts import Recording, Threads
from surefoot.records import History, Run, Series
from surefoot.report.html import render
from surefoot.report.json import summary
from surefoot.report.terminal import verdict_view
from surefoot.report.text import verdict_text
from surefoot.report.verdict import judge

FULL = "run.db cannot be written: the disk is full."
STOPPED = Recording(step=600, stopped=FULL, seen=6000)
THREADS = Threads(unobserved=2)


def run(status: str = "finished", steps: int = 60, backwards: int | None = None, **more: Any) -> History:
    passes = steps if backwards is None else backwards
    record = Run("runs/a", "a", "a.py", status=status, steps=steps, backwards=passes, **more)  # type: ignore[arg-type]
    series = {("time", 0): Series.of([0.1] * steps)} if steps else {}
    return History(record, optimizers=histories.healthy().optimizers, step_series=series)


CASES = {
    "whole": (run(), "healthy", "healthy"),
    "limited": (run("stopped"), "healthy", "healthy"),
    "running": (run("running"), "unknown", "still running, recorded until step 60"),
    "recording stopped": (replace(run(steps=60), all_facts=(STOPPED,)), "unknown", "recording stopped at step 60"),
    "failed": (run("failed", error="ValueError: x"), "unknown", "the script failed at step 60 with ValueError: x"),
    "interrupted": (run("interrupted"), "unknown", "interrupted at step 60"),
    "end unknown": (
        run("crashed"), "unknown", "recording ended at step 60; how the training ended is not known",
    ),
    "nothing trained": (run(steps=0), "unknown", "nothing trained"),
    "no step": (run(steps=0, backwards=30), "unknown", "no optimizer step in 30 backward passes"),
    "too short": (run(steps=1), "unknown", "too short to judge: 1 step"),
    "elsewhere": (
        replace(run(steps=0), all_facts=(THREADS,)), "unknown",
        "nothing trained in the thread that was observed, but in others",
    ),
}  # fmt: skip


@pytest.mark.parametrize("extent", CASES)
def test_everyone_says_the_same(extent: str) -> None:
    history, word, said = CASES[extent]
    verdict = judge(history, ())
    assert (verdict.extent, verdict.word, verdict.said) == (extent, word, said)
    assert verdict_text(history, ()).startswith(f"surefoot: {said}\n")
    out = io.StringIO()
    Console(file=out, width=200).print(verdict_view(history, ()))
    assert said in out.getvalue()
    document = summary(history, ())
    assert (document["verdict"], document["extent"], document["said"]) == (word, extent, said)
    assert document["recorded_steps"] == history.run.steps
    page = render(history, ())
    assert f"<title>{word if word == 'healthy' else extent}: " in page
    assert (">Healthy" in page or "  Healthy" in page) == (word == "healthy")
    assert word == "healthy" or said.replace("'", "&#39;") in page


@pytest.mark.parametrize("extent", CASES)
def test_a_finding_counts_whatever_was_missed(extent: str) -> None:
    history, word, said = CASES[extent]
    verdict = judge(history, (histories.TOO_HIGH, histories.DEAD))
    assert (verdict.word, verdict.extent) == ("error", extent)
    more = "" if word == "healthy" else f", {said}"
    assert verdict.said == f"error (1 error, 1 warning){more}"


def test_why_recording_stopped_is_said() -> None:
    history = CASES["recording stopped"][0]
    assert judge(history, ()).reason == FULL
    assert f"recorded     until step 60 only, the training went on: {FULL}" in verdict_text(history, ())
    assert FULL in render(history, ())
    assert summary(history, ())["reason"] == FULL


def test_evaluations_of_one_step_count_where_steps_are_few() -> None:
    """LBFGS takes one step where others take twenty."""
    assert judge(run(steps=3, backwards=60), ()).word == "healthy"
