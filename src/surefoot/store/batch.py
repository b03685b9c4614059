"""What the recorder hands to the writer: whole batches of plain rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surefoot.facts import Fact
from surefoot.records import ActivationInfo, Finding, OptimizerInfo, ParameterInfo

Family = Literal["parameter", "activation"]
FAMILIES: tuple[Family, ...] = ("parameter", "activation")


class StepRow(NamedTuple):
    """One optimizer step. None means not recorded; NaN is a value like any other.

    Args:
        step: Optimizer steps of the run so far, over all optimizers.
        optimizer: Index of the one that stepped.
        time: Seconds since the run began.
        micro_steps: Backward passes since its last step.
        loss: Sum over the micro-steps.
        grad_norm: Global L2 norm before surefoot's clipper.
        lr: Of the first parameter group.
        clip_threshold: None without a clipper.
        clip_factor: None without a clipper.
    """

    step: int
    optimizer: int
    time: float
    micro_steps: int
    loss: float | None = None
    grad_norm: float | None = None
    lr: float | None = None
    clip_threshold: float | None = None
    clip_factor: float | None = None


class HyperparameterRow(NamedTuple):
    """A setting of a parameter group; the writer drops it where it has not changed.

    Args:
        step: Step from which it holds.
        optimizer: Index of the optimizer.
        group: Index of the parameter group.
        name: "momentum", "betas" …
        value: A JSON value.
    """

    step: int
    optimizer: int
    group: int
    name: str
    value: Any


class MetricRow(NamedTuple):
    """A scalar by name; steps may come in any order.

    Args:
        step: Step it belongs to.
        name: "val_loss" …
        value: NaN and infinities allowed.
        time: Seconds since the run began.
    """

    step: int
    name: str
    value: float
    time: float


class LayerRow(NamedTuple):
    """One quantity of all parameters (or activations) at a sampled step.

    Args:
        step: The sampled step.
        optimizer: Whose step it was.
        family: Which columns: those of the parameters or of the activations.
        quantity: Name of PARAMETER_QUANTITIES or ACTIVATION_QUANTITIES.
        values: Shape (columns so far,), any float type, kept as float32; NaN: not measured.
    """

    step: int
    optimizer: int
    family: Family
    quantity: str
    values: NDArray[np.floating[Any]]


@dataclass(slots=True)
class Batch:
    """All that one flush writes, in one transaction.

    Args:
        steps: New steps.
        hyperparameters: Settings; unchanged ones are dropped.
        metrics: New scalars.
        layers: New per-layer rows.
        facts: New or changed facts.
        optimizers: New or changed ones.
        parameters: New or changed ones.
        activations: New or changed ones.
        findings: The whole latest diagnosis, which replaces the one before; None leaves it.
        run: Fields of `Run` to change, among UPDATABLE.
    """

    steps: Sequence[StepRow] = ()
    hyperparameters: Sequence[HyperparameterRow] = ()
    metrics: Sequence[MetricRow] = ()
    layers: Sequence[LayerRow] = ()
    facts: Sequence[Fact] = ()
    optimizers: Sequence[OptimizerInfo] = ()
    parameters: Sequence[ParameterInfo] = ()
    activations: Sequence[ActivationInfo] = ()
    findings: Sequence[Finding] | None = None
    run: Mapping[str, Any] = field(default_factory=dict)


UPDATABLE = frozenset(
    {"script", "argv", "command", "source", "environment", "exit_code", "error", "steps", "backwards"}
)
