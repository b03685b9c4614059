"""What the page's heat map shows: one quantity of every parameter or activation over the sampled steps.

A map: {"id", "label", "note", "scale" ("log", "share" or "linear"), "rows": [name], "why": [text or None],
"blank": text, "steps": [[first, last]], one pair a column, "cells": text}. "why" says of a row without any value why
it has none, "blank" what a missing value means. "cells" is base64 of little-endian 16-bit words, row by row: the
upper halves of float32 values, which keep the range and three digits. NaN: not measured; infinity: not finite.
"""

from __future__ import annotations

import base64
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.records import History, Layers

CELLS = 60_000  # in one map; about 160 kB of the file
COLUMNS = 600
ROWS = 1_000

# Quantity: (label, note, scale, of activations).
MAPS: dict[str, tuple[str, str, str, bool]] = {
    "grad_norm": ("gradient norm", "L2 norm of the gradient, before clipping", "log", False),
    "update_ratio": (
        "update / parameter ratio",
        "norm of the update over norm of the parameter",
        "log",
        False,
    ),
    "param_norm": ("parameter norm", "L2 norm of the parameter", "log", False),
    "update_norm": ("update norm", "L2 norm of the parameter's change in a step", "log", False),
    "grad_zero_share": ("zero gradients", "share of gradient entries that are exactly zero", "share", False),
    "grad_nonfinite_share": ("NaN gradients", "share of gradient entries, NaN or infinite", "share", False),
    "dead_share": ("dead units", "share of units that never fired", "share", True),
    "saturated_share": ("saturated units", "share of entries near an end of their range", "share", True),
    "mean": ("activation mean", "mean of what the nonlinearity puts out", "linear", True),
    "deviation": ("activation deviation", "deviation of what the nonlinearity puts out", "log", True),
}


def heat_maps(history: History) -> list[dict[str, Any]]:
    """All maps that have a measured cell."""
    return [one for quantity in MAPS if (one := _heat_map(history, quantity)) is not None]


def per_layer(history: History, quantity: str) -> Layers:
    """A quantity of MAPS; "update_ratio" is computed, NaN where the parameter is zero."""
    if quantity == "update_ratio":
        update, size = history.parameter_layer("update_norm"), history.parameter_layer("param_norm")
        if update.values.shape != size.values.shape:
            return Layers(update.steps[:0], update.values[:0], update.optimizers[:0])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(size.values > 0, update.values / size.values, np.nan)
        return Layers(update.steps, ratio, update.optimizers)
    if MAPS[quantity][3]:
        return history.activation_layer(quantity)
    return history.parameter_layer(quantity)


def parameter_order(history: History) -> list[int]:
    """Positions of the parameters: first in the order that the optimizers hold them, then the rest."""
    position = {parameter.index: place for place, parameter in enumerate(history.parameters)}
    held = [index for optimizer in history.optimizers for index in optimizer.parameters if index in position]
    return list(dict.fromkeys([position[index] for index in held] + list(position.values())))


def _heat_map(history: History, quantity: str) -> dict[str, Any] | None:
    label, note, scale, of_activations = MAPS[quantity]
    layers = per_layer(history, quantity)
    values = layers.values
    if not of_activations:
        values = _marked(history, layers)
    if not values.size or np.isnan(values).all():
        return None
    if quantity == "grad_nonfinite_share" and not np.nanmax(values):
        return None
    named = history.activations if of_activations else history.parameters
    order = list(range(len(named))) if of_activations else parameter_order(history)
    rows = [named[index].name for index in order[:ROWS]]
    steps, cells = _columns(Layers(layers.steps, values[:, order[:ROWS]], layers.optimizers))
    return {
        "id": quantity,
        "label": label,
        "note": note if len(named) <= ROWS else f"{note}; the first {ROWS} of {len(named)} tensors",
        "scale": scale,
        "rows": rows,
        "why": _why(history, order[:ROWS], values, of_activations),
        "blank": "no gradient" if quantity in ("grad_norm", "grad_zero_share") else "not measured",
        "steps": steps,
        "cells": base64.b64encode(_upper_halves(cells.T).tobytes()).decode("ascii"),
    }


def _why(
    history: History, order: list[int], values: NDArray[np.float64], of_activations: bool
) -> list[str | None]:
    """Why a row is empty from end to end; None where it isn't."""
    return [_reason(history, at, of_activations) if np.isnan(values[:, at]).all() else None for at in order]


def _reason(history: History, at: int, of_activations: bool) -> str:
    if of_activations:
        return "never measured"
    parameter = history.parameters[at]
    if not parameter.requires_grad:
        return "frozen: requires_grad is False"
    if not parameter.received:
        return "never had a gradient"
    return "in no optimizer" if parameter.optimizer is None else "never measured"


def _marked(history: History, layers: Layers) -> NDArray[np.float64]:
    """The values, infinite where a norm is NaN because gradient entries are not finite."""
    share = history.parameter_layer("grad_nonfinite_share")
    if share.values.shape != layers.values.shape:
        return layers.values
    return np.where(np.isnan(layers.values) & (share.values > 0), np.inf, layers.values)


def _columns(layers: Layers) -> tuple[list[list[int]], NDArray[np.float64]]:
    """Rows of `layers` merged into few enough columns; each keeps the value of largest magnitude.

    Optimizers that step in turn each leave half of a row empty: there are at most as many columns as the one
    measured least has rows, so that no column misses one of them.
    """
    _, counts = np.unique(layers.optimizers, return_counts=True)
    rows = max(1, layers.values.shape[1])
    wanted = min(COLUMNS, max(60, CELLS // rows), int(counts.min()))
    order = np.argsort(layers.steps, kind="stable")
    parts = np.array_split(order, wanted)
    steps = [[int(layers.steps[part[0]]), int(layers.steps[part[-1]])] for part in parts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any measurement stays NaN
        high = np.array([np.nanmax(layers.values[part], axis=0) for part in parts])
        low = np.array([np.nanmin(layers.values[part], axis=0) for part in parts])
    return steps, np.where(-low > high, low, high)


def _upper_halves(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    with np.errstate(over="ignore"):
        bits = values.astype("<f4").view("<u4")
    rounded = np.where(np.isfinite(values), bits + 0x8000, bits) >> 16
    return rounded.astype("<u2")
