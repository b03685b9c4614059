"""A range test as a run of its own kind, and back."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from surefoot.errors import StoreError
from surefoot.facts import RangeTest as RangeTestFact
from surefoot.lr_range_test.records import Curve, RangeTest
from surefoot.records import History, OptimizerInfo, Run
from surefoot.store.batch import Batch, StepRow
from surefoot.store.writer import RunWriter


def kept(
    test: RangeTest, runs: Path, name: str | None = None, run: Run | None = None, **settings: Any
) -> RangeTest:
    """Write a range test; the same with its run's folder.

    Args:
        test: What to keep.
        runs: Folder of all runs.
        name: Of its run.
        run: The script's record; by default the program's.
        settings: Of the optimizer.

    Raises:
        StoreError: It can't be written.
    """
    if run is None:
        from surefoot.capture.observation import begin_run

        run = begin_run(
            getattr(sys.modules.get("__main__"), "__file__", None) or "interactive", sys.argv[1:], ""
        )
    writer = RunWriter(runs)
    path = writer.create(run, name)
    steps = [
        StepRow(number, 0, 0.0, 1, loss=float(loss), lr=float(rate))
        for number, (rate, loss) in enumerate(zip(test.curve.rates, test.curve.losses, strict=True), 1)
    ]
    known = {key: value for key, value in settings.items() if _plain(value)}
    optimizer = OptimizerInfo(0, test.found.optimizer, known, ())
    count = {"steps": len(steps), "backwards": len(steps)}
    try:
        writer.write(Batch(steps=steps, optimizers=[optimizer], facts=[test.found], run=count))
    finally:
        writer.finish("finished", 0)
    return replace(test, path=path)


def range_test_of(history: History) -> RangeTest | None:
    """The range test that a run is; None for other runs.

    Raises:
        StoreError: Its rates or losses are not there.
    """
    found = history.fact(RangeTestFact)
    if found is None:
        return None
    rates, losses = history.series("lr", 0).values, history.series("loss", 0).values
    if len(rates) != len(losses):
        raise StoreError(
            f"{history.run.path} has {len(rates)} rates and {len(losses)} losses: it is damaged."
        )
    complete = not len(losses) or bool(np.isfinite(losses[-1]) and math.isclose(rates[-1], found.last))
    return RangeTest(Curve(rates, losses, found.ended, complete), found, Path(history.run.path))


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | tuple)
