"""Runs made by hand, to hold against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from surefoot.facts import Fact
from surefoot.records import Finding, History, Layers, OptimizerInfo, ParameterInfo, Run, Series

NAMES = {"fc1.weight": (8, 4), "fc1.bias": (8,), "fc2.weight": (2, 8)}
SOURCE = "import torch\ntorch.manual_seed(0)\nlr = 0.1\ntrain(lr)\n"


def finding(code: str = "lr-too-high", severity: str = "warning") -> Finding:
    return Finding(code, severity, f"what {code} says", "what to change")  # type: ignore[arg-type]


def recorded(
    name: str = "a",
    loss: Sequence[float] = tuple(np.exp(-np.arange(100) / 30)),
    val_loss: Mapping[int, float] | None = None,
    layers: Mapping[str, tuple[Sequence[int], Any]] | None = None,
    facts: Sequence[Fact] = (),
    settings: Mapping[str, Any] | None = None,
    seconds: float = 0.1,
    seed: int = 0,
    shapes: Mapping[str, tuple[int, ...]] = NAMES,
    environment: Mapping[str, Any] | None = None,
    **run: Any,
) -> History:
    """A run of one SGD: `layers` gives sampled steps and their rows by quantity."""
    steps = len(loss)
    around = {"torch": "2.13.0", "seeds": {"torch": seed}, **(environment or {})}
    made = {
        "script": "train.py",
        "status": "finished",
        "source": SOURCE,
        "steps": steps,
        "backwards": steps,
        **run,
    }
    series = {
        ("loss", 0): Series.of(loss),
        ("grad_norm", 0): Series.of(np.asarray(loss) + 1.0),
        ("lr", 0): Series.of([(settings or {}).get("lr", 0.1)] * steps),
        ("time", 0): Series.of(2.0 + seconds * np.arange(steps)),
    }
    return History(
        run=Run(path=f"runs/{name}", name=name, environment=around, **made),
        optimizers=(OptimizerInfo(0, "SGD", {"lr": 0.1, **(settings or {})}, tuple(range(len(shapes)))),),
        parameters=tuple(ParameterInfo(i, n, s, "Linear", 0) for i, (n, s) in enumerate(shapes.items())),
        step_series=series,
        metrics={} if val_loss is None else {"val_loss": Series.of(list(val_loss.values()), list(val_loss))},
        parameter_layers={
            quantity: Layers(np.array(at), np.asarray(rows, dtype=float), np.zeros(len(at), dtype=np.int64))
            for quantity, (at, rows) in (layers or {}).items()
        },
        all_facts=tuple(facts),
    )
