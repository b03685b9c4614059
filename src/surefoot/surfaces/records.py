"""Frozen records of landscapes: slices, surfaces, trajectories, sharpness, smoothness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import SettingError

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]
SurfaceKind = Literal["grid", "random", "principal", "checkpoints", "custom"]


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Loss and slope along one line through parameter space.

    Args:
        name: What varies: "weight[0, 0]", "random direction, seed 0", "first to last".
        kind: "parameter", "direction" or "between" (two checkpoints).
        positions: Shape (n,): the parameter's value, or the factor along the direction (0 is the trained
            point of a direction; 0 and 1 are the ends of "between").
        losses: Shape (n,); mean over the data.
        slopes: Shape (n,): d loss / d position.
        center: Position of the trained point (of the first checkpoint for "between").
        center_loss: Loss there, by a plain forward pass.
        others: What the other parameters did: "held" at the trained point, or "averaged" over their range.
        low: Shape (n,): least loss over the settings averaged; None when held.
        high: Shape (n,): greatest, likewise.
        settings: How it was computed: mode, examples, way, seed …; JSON values.
    """

    name: str
    kind: Literal["parameter", "direction", "between"]
    positions: Floats
    losses: Floats
    slopes: Floats
    center: float
    center_loss: float
    others: Literal["held", "averaged"] = "held"
    low: Floats | None = None
    high: Floats | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        at, low = self.minimum
        ends = f"from {self.positions[0]:.4g} to {self.positions[-1]:.4g}"
        lowest = f"lowest loss {low:.4g} at {at:.4g}, {self.center_loss:.4g} at {self.center:.4g}"
        return f"<slice along {self.name}, {len(self.losses)} points {ends}: {lowest}>"

    @property
    def minimum(self) -> tuple[float, float]:
        """Position and loss of the lowest point; NaN is never lowest."""
        index = _argmin(self.losses)
        return float(self.positions[index]), float(self.losses[index])


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A trajectory as drawn on one plane.

    Args:
        name: "SGD", "Adam" …
        steps: Shape (n,).
        points: Shape (n, 2): least-squares coordinates on the plane, in the units of its axes.
        distances: Shape (n,): distance from the plane, L2 over the parameters; 0 is on it.
        losses: Shape (n,): loss at the true point, not at its shadow on the plane; NaN where unknown.
        estimated: The points come from a random projection and carry its error.
    """

    name: str
    steps: Steps
    points: Floats
    distances: Floats
    losses: Floats
    estimated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """How many evaluations a descent needed, against the points of a grid.

    Args:
        name: "gradient descent with backtracking", or the trajectory's name.
        grid_points: Evaluations the grid took.
        target: Loss of the grid's minimum.
        evaluations: Evaluations until the descent's loss was at most the target; None if it never was.
        gradients: How many of them also computed a gradient.
        reached: Lowest loss of the descent.
        path: The points it visited on the grid's axes, shape (n, 2).
    """

    name: str
    grid_points: int
    target: float
    evaluations: int | None
    gradients: int
    reached: float
    path: Floats

    @property
    def sentence(self) -> str:
        """The comparison in words."""
        if self.evaluations is None:
            return (
                f"{self.name} came to {self.reached:.4g}, never below the grid's minimum of "
                f"{self.target:.4g} ({self.grid_points:,} evaluations)"
            )
        return (
            f"{self.name} reached the grid's minimum of {self.target:.4g} after "
            f"{self.evaluations:,} evaluations; the grid took {self.grid_points:,}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Loss over a plane through the trained point.

    Args:
        kind: "grid" (two scalars), "random", "principal" (components of a trajectory), "checkpoints",
            "custom".
        x: Shape (nx,): positions on the first axis.
        y: Shape (ny,): positions on the second.
        losses: Shape (ny, nx).
        center: Where the trained point lies.
        center_loss: Loss there, by a plain forward pass.
        x_name: Label of the first axis.
        y_name: Label of the second.
        gradients: Shape (ny, nx, 2): d loss / d position along each axis; None if not asked for.
        explained: Share of the squared displacement of all that is drawn, from the trained point, along the
            first axis and the further share along the second, in [0, 1]; None where nothing but the center
            is drawn.
        paths: What is drawn on it.
        descent: For a grid: what descent needed for the same loss.
        settings: How it was computed; JSON values.
    """

    kind: SurfaceKind
    x: Floats
    y: Floats
    losses: Floats
    center: tuple[float, float]
    center_loss: float
    x_name: str
    y_name: str
    gradients: Floats | None = None
    explained: tuple[float, float] | None = None
    paths: tuple[Path, ...] = ()
    descent: Descent | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        rows, columns = self.losses.shape
        x, y, low = self.minimum
        lowest = f"lowest loss {low:.4g} at ({x:.4g}, {y:.4g}), {self.center_loss:.4g} at the trained point"
        return f"<{self.kind} surface of {columns} × {rows} points: {lowest}>"

    @property
    def minimum(self) -> tuple[float, float, float]:
        """x, y and loss of the lowest point evaluated; NaN is never lowest."""
        row, column = np.unravel_index(_argmin(self.losses.ravel()), self.losses.shape)
        return float(self.x[column]), float(self.y[row]), float(self.losses[row, column])

    @property
    def statement(self) -> str:
        """What the plane shows and how much of what is drawn lies off it; every picture carries it."""
        parts = []
        if self.explained is not None:
            first, second = self.explained
            owner = "path's" if len(self.paths) == 1 else "paths'"
            parts.append(
                f"the plane holds {100 * (first + second):.1f} % of the {owner} variance about the "
                f"trained point ({100 * first:.1f} % + {100 * second:.1f} %)"
            )
        away = self.paths
        if self.paths and all(_lies_on(path) for path in self.paths):
            away = ()
            parts.append("the path lies on it" if len(self.paths) == 1 else "all paths lie on it")
        for path in away:
            about = " (estimated)" if path.estimated else ""
            parts.append(f"{path.name}: at most {float(np.max(path.distances)):.3g} off the plane{about}")
        if not parts:
            parts.append("only the trained point is drawn; it lies on the plane exactly")
        text = "; ".join(parts)
        return text[0].upper() + text[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Parameters along a training, in full for small models, as a seeded random projection for large ones.

    Args:
        name: "SGD", "Adam" …
        steps: Shape (n,): optimizer steps done at each point; the first is 0 when recorded from the start.
        points: Shape (n, k), float32: all k parameters, or their projection.
        layout: (name, shape) of each parameter, in order.
        losses: Shape (n,): loss handed to the recorder, NaN where none was.
        seed: Of the projection; None if the points are the full parameters.
        anchors: Shape (m, parameters), float32: full parameters kept at some steps of a projected trajectory.
        anchor_steps: Shape (m,).
    """

    name: str
    steps: Steps
    points: NDArray[np.float32]
    layout: tuple[tuple[str, tuple[int, ...]], ...]
    losses: Floats
    seed: int | None = None
    anchors: NDArray[np.float32] | None = None
    anchor_steps: Steps | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        steps = f"steps {self.steps[0]:,} to {self.steps[-1]:,}" if len(self) else "no steps"
        return f"<trajectory of {self.name}: {len(self):,} points, {steps}>"

    @property
    def full(self) -> NDArray[np.float32]:
        """The full parameter vectors that were kept, shape (m, parameters)."""
        return self.points if self.anchors is None else self.anchors


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What a model of one input predicts along its training.

    Args:
        name: "SGD" …
        inputs: Shape (n,): of the data.
        targets: Shape (n,).
        grid: Shape (m,), increasing: inputs at which the model was asked.
        predictions: Shape (steps, m).
        steps: Shape (steps,).
        losses: Shape (steps,); NaN where unknown.
    """

    name: str
    inputs: Floats
    targets: Floats
    grid: Floats
    predictions: Floats
    steps: Steps
    losses: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Sharpness:
    """Curvature of the loss at one point.

    Args:
        top: Largest eigenvalue of the Hessian.
        bottom: Smallest; negative at a saddle.
        residual: Norm of H v - top v: an eigenvalue lies within it of `top`; no true end is below `top`.
        trace: Estimate of the trace.
        trace_error: Its standard error over the probes; 0 when exact.
        parameters: Dimension of the Hessian.
        products: Hessian-vector products computed.
        radius: Of the ball, L2 over the parameters; None if not asked for.
        worst: Highest loss found in the ball: a lower bound of the true maximum.
        loss: Loss at the point.
        settings: Mode, seed, probes …; JSON values.
        bottom_residual: Norm of H v - bottom v; no true end is above `bottom`. NaN in files that lack it.
    """

    top: float
    bottom: float
    residual: float
    trace: float
    trace_error: float
    parameters: int
    products: int
    loss: float
    radius: float | None = None
    worst: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    bottom_residual: float = math.nan


@dataclass(frozen=True, slots=True, eq=False)
class Smoothness:
    """Local smoothness and unclipped gradient norm along a training path.

    Args:
        steps: Shape (n,): optimizer steps done before the step that was measured.
        smoothness: Shape (n,): greatest ||g(p + c d) - g(p)|| / (c ||d||) over the factors c, with d the
            step taken.
        grad_norms: Shape (n,): ||g(p)||, not clipped, same batch.
        step_norms: Shape (n,): ||d||.
        losses: Shape (n,): loss at p.
        factors: The set of c, in (0, 1].
        every: A record every so many steps.
    """

    steps: Steps
    smoothness: Floats
    grad_norms: Floats
    step_norms: Floats
    losses: Floats
    factors: tuple[float, ...]
    every: int

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Shape (n,): which records have a logarithm."""
        both = (self.smoothness, self.grad_norms)
        kept: NDArray[np.bool_] = np.logical_and.reduce([(v > 0) & np.isfinite(v) for v in both])
        return kept


Record = Slice | Path | Descent | Surface | Trajectory | Fit | Sharpness | Smoothness


def _lies_on(path: Path) -> bool:
    """Whether a path leaves the plane by rounding at most; checkpoints are shown by their distances."""
    extent = float(np.nanmax(np.ptp(path.points, axis=0))) if len(path.steps) > 1 else 0.0
    return not path.estimated and float(np.max(path.distances)) <= 1e-6 * extent


def _argmin(losses: Floats) -> int:
    if not np.isfinite(losses).any():
        raise SettingError("no loss on this landscape is finite; choose a smaller span")
    return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))
