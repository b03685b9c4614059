"""How far parameters move and how gradients spread over layers, from the sampled per-parameter layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.records import History

Vector = NDArray[np.float64]


# Sampled steps that are looked at: the first ones, where most is decided, and an even choice of the rest.
FIRST, MOST = 50, 300


@dataclass(frozen=True, slots=True)
class Movement:
    """Weights of the main optimizer: two dimensions and more, as biases start at zero and have no scale.

    Args:
        columns: Shape (c,), indices into `History.parameters`, in the model's order.
        steps: Shape (n,), sampled steps.
        gradients: Shape (n,), joint gradient norm.
        weights: Shape (n,), joint norm of the weights before the update.
        updates: Shape (n,), joint norm of the change.
        profile: Shape (c,), median gradient norm of each weight; NaN if never finite.
    """

    columns: NDArray[np.int64]
    steps: NDArray[np.int64]
    gradients: Vector
    weights: Vector
    updates: Vector
    profile: Vector

    @property
    def ratios(self) -> Vector:
        """Shape (m,): norm of the whole update over that of all weights, where both are finite."""
        return _finite_ratio(self.updates, self.weights)

    @property
    def peak_ratio(self) -> float:
        """The largest update over weights that came up at least twice; NaN if never measured."""
        ordered = np.sort(self.ratios)
        return float(ordered[-2] if len(ordered) > 1 else ordered[-1]) if len(ordered) else float("nan")

    @property
    def usual_ratio(self) -> float:
        """Median update over weights; NaN if never measured."""
        return float(np.median(self.ratios)) if len(self.ratios) else float("nan")


def movement(history: History) -> Movement:
    """The movement of the main optimizer's weights; measured once a history."""
    return history.derived(_measure)


def _measure(history: History) -> Movement:
    main = history.main
    # The optimizer's own order is the model's; `History.parameters` is in order of first sight.
    order = next((o.parameters for o in history.optimizers if o.index == main), ())
    held = [history.parameters[i] for i in order if i < len(history.parameters)]
    moving = [p for p in held if p.requires_grad]
    weights_only = [p for p in moving if len(p.shape) >= 2] or moving
    columns = np.array([p.index for p in weights_only], dtype=np.int64)
    layers = [history.parameter_layer(q) for q in ("grad_norm", "param_norm", "update_norm")]
    n = min(len(layer) for layer in layers)
    rows = np.flatnonzero(layers[0].optimizers[:n] == main)
    if len(rows) > MOST:
        spread = np.linspace(FIRST, len(rows) - 1, MOST - FIRST).astype(np.int64)
        rows = rows[np.concatenate([np.arange(FIRST), spread])]
    gradients, weights, updates = (layer.values[rows][:, columns] for layer in layers)
    return Movement(
        columns,
        layers[0].steps[rows],
        _joint(gradients),
        _joint(weights),
        _joint(updates),
        _medians(gradients),
    )


def _joint(norms: Vector) -> Vector:
    """Norm over the columns; what was not measured counts as zero."""
    known = np.where(np.isnan(norms), 0.0, norms)
    with np.errstate(over="ignore"):
        return np.asarray(np.sqrt(np.einsum("nc,nc->n", known, known)))


def _medians(norms: Vector) -> Vector:
    known = np.where(np.isfinite(norms), norms, np.nan)
    if not len(known):
        return np.full(norms.shape[1], np.nan)
    if not np.isnan(known).any():
        return np.asarray(np.median(known, axis=0))
    columns = [column[~np.isnan(column)] for column in known.T]
    return np.array([np.median(column) if len(column) else np.nan for column in columns])


def _finite_ratio(above: Vector, below: Vector) -> Vector:
    with np.errstate(all="ignore"):
        ratio = above / below
    return np.asarray(ratio[np.isfinite(ratio)])
