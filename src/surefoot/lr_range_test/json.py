"""A range test for programs: the shape that `surefoot find-lr --json` writes; docs/lr-range-test.md describes it."""

from __future__ import annotations

from typing import Any

from surefoot.lr_range_test.records import RangeTest
from surefoot.report.json import plain

SCHEMA = 1


def summary(test: RangeTest) -> dict[str, Any]:
    """The test as strict JSON values.

    Example:
        >>> import numpy as np
        >>> from surefoot.lr_range_test import Curve
        >>> summary(RangeTest(Curve(np.array([0.1]), np.array([np.inf]))))["losses"]
        ['Infinity']
    """
    document = {
        "schema": SCHEMA,
        "run": None if test.path is None else str(test.path),
        **test.found.data,
        "rates": [float(rate) for rate in test.curve.rates],
        "losses": [float(loss) for loss in test.curve.losses],
    }
    shown: dict[str, Any] = plain(document)
    return shown
