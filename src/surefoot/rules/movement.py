"""How far parameters move and how gradients spread over layers, from the sampled per-parameter layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.records import History

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Movement:
    """Weights (two dimensions and more; biases start at zero and have no scale) of the main optimizer.

    Args:
        columns: Shape (c,), indices into `History.parameters`, in the model's order.
        steps: Shape (n,), sampled steps.
        gradients: Shape (n, c), gradient norms.
        weights: Shape (n, c), parameter norms before the update.
        updates: Shape (n, c), norms of the change.
    """

    columns: NDArray[np.int64]
    steps: NDArray[np.int64]
    gradients: Vector
    weights: Vector
    updates: Vector

    @property
    def ratios(self) -> Vector:
        """Shape (m,): norm of the whole update over that of all weights, where both are finite."""
        with np.errstate(all="ignore"):
            ratio = np.sqrt(np.nansum(self.updates**2, axis=1)) / np.sqrt(np.nansum(self.weights**2, axis=1))
        return np.asarray(ratio[np.isfinite(ratio)])

    @property
    def peak_ratio(self) -> float:
        """The largest update over weights that came up at least twice; NaN if never measured."""
        ordered = np.sort(self.ratios)
        return float(ordered[-2] if len(ordered) > 1 else ordered[-1]) if len(ordered) else float("nan")

    @property
    def usual_ratio(self) -> float:
        """Median update over weights; NaN if never measured."""
        return float(np.median(self.ratios)) if len(self.ratios) else float("nan")

    @property
    def profile(self) -> Vector:
        """Shape (c,): median gradient norm of each weight per square root of its entries."""
        if not len(self.gradients):
            return np.empty(0)
        with np.errstate(all="ignore"):
            return np.asarray(
                np.nanmedian(np.where(np.isfinite(self.gradients), self.gradients, np.nan), axis=0)
            )

    def norm_of(self, rows: Vector) -> Vector:
        """Shape (n,): joint norm over the columns."""
        return np.asarray(np.sqrt(np.nansum(rows**2, axis=1)))


def movement(history: History) -> Movement:
    """The movement of the main optimizer's weights; empty if nothing was sampled."""
    main = history.main
    # The optimizer's own order is the model's; `History.parameters` is in order of first sight.
    order = next((o.parameters for o in history.optimizers if o.index == main), ())
    held = [history.parameters[i] for i in order if i < len(history.parameters)]
    columns = np.array([p.index for p in held if p.requires_grad and len(p.shape) >= 2], dtype=np.int64)
    layers = [history.parameter_layer(q) for q in ("grad_norm", "param_norm", "update_norm")]
    n = min(len(layer) for layer in layers)
    mine = layers[0].optimizers[:n] == main
    picked = [layer.values[:n][mine][:, columns] for layer in layers]
    return Movement(columns, layers[0].steps[:n][mine], *picked)
