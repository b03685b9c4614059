"""How many units of each rectified layer ever fire, shared by the rule that reports it and by what can kill units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from surefoot.records import History

RECTIFIERS = ("relu", "relu6", "hardswish", "hardtanh", "threshold", "relu_")

# Layers of fewer units are outputs and gates, of which all may well be off.
LEAST_UNITS = 4


class Activity(NamedTuple):
    """Share of units that never fired, in [0, 1], at the first look and over the last three."""

    name: str
    first: float
    late: float


def dead_shares(history: History, units: int = LEAST_UNITS) -> list[Activity]:
    """Every rectified layer of at least `units` units that was looked at three times."""
    layer = history.activation_layer("dead_share")
    found = []
    for info in history.activations:
        if info.function not in RECTIFIERS or info.units < units:
            continue
        shares = layer.values[:, info.index]
        shares = shares[np.isfinite(shares)]
        if len(shares) >= 3:
            found.append(Activity(info.name, float(shares[0]), float(np.median(shares[-3:]))))
    return found
