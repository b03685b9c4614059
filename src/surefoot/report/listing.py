"""A run in one line of a list: how far it is, what it came to, what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from surefoot.diagnosis import diagnose
from surefoot.facts import RangeTest
from surefoot.records import Finding, History, Run, Series, Verdict
from surefoot.report.json import clip_rate, ends
from surefoot.report.numbers import value
from surefoot.report.verdict import judge
from surefoot.store.reader import RunReader, open_run


@dataclass(frozen=True, slots=True)
class Listed:
    """A run with what stands beside it in a list; a number is None where it was never recorded.

    Args:
        run: The run.
        loss: The last one.
        validation: The last validation loss.
        norm: The last gradient norm, before clipping.
        clip_rate: Share of the steps that a clipper changed.
        verdict: How it is.
        findings: What was found, the main finding first.
        range_test: What it recommends, where the run is a learning-rate range test.
    """

    run: Run
    loss: float | None
    validation: float | None
    norm: float | None
    clip_rate: float | None
    verdict: Verdict
    findings: tuple[Finding, ...]
    range_test: str | None = None


def listed(path: str | Path) -> Listed:
    """What a list says of a run: as it was judged while it was recorded, or anew where it was never closed.

    Raises:
        StoreError: It cannot be read.
    """
    with open_run(path) as reader:
        if reader.of_several:
            history = reader.history()
            return _listed(history, tuple(diagnose(history)))
        findings = reader.findings()
        if not findings and reader.run().status in ("running", "crashed"):
            findings = tuple(diagnose(reader.history()))
        return listed_with(reader, findings)


def listed_with(reader: RunReader, findings: tuple[Finding, ...]) -> Listed:
    """What a list says of a run that was judged already.

    Args:
        reader: Of the run.
        findings: The main finding first.

    Raises:
        StoreError: It cannot be read.
    """
    series = {(name, 0): reader.series(name) for name in ("loss", "grad_norm", "clip_factor")}
    metrics = {"val_loss": reader.metric("val_loss")}
    history = History(
        reader.run(), reader.optimizers()[:1], step_series=series, metrics=metrics, all_facts=reader.facts()
    )
    return _listed(history, findings)


def _listed(history: History, findings: tuple[Finding, ...]) -> Listed:
    test = history.fact(RangeTest)
    return Listed(
        history.run,
        _last(history.series("loss", 0)),
        _last(history.metric("val_loss")),
        _last(history.series("grad_norm", 0)),
        clip_rate(history),
        judge(history, findings),
        findings,
        None if test is None else _recommended(test),
    )


def _last(series: Series) -> float | None:
    return ends(series)["last"]


def _recommended(test: RangeTest) -> str:
    return "no rate" if test.recommended is None else f"use {value(test.recommended)}"
