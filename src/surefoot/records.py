"""Frozen records that pass between rooms. No torch, no files, no clock.

Capture fills them, the store keeps them, rules read a `History` of them and return `Finding`s, and everything
that shows something shows these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from surefoot.facts import Fact

_F = TypeVar("_F", bound=Fact)
_T = TypeVar("_T")

Severity = Literal["error", "warning", "information"]
Status = Literal["running", "finished", "failed", "interrupted", "stopped", "crashed"]
Word = Literal["healthy", "warning", "error", "unknown"]
Extent = Literal[
    "whole",  # it ended by itself
    "limited",  # stopped after the number of steps that was asked for
    "running",  # not ended yet
    "recording stopped",  # it went on unrecorded
    "failed",  # the script's own exception or exit code
    "interrupted",  # by Ctrl-C
    "end unknown",  # its process is gone and left no word: killed, or the last write failed
    "nothing trained",  # no backward pass
    "no step",  # backward passes, no step
    "too short",  # too few steps to judge by
    "elsewhere",  # only threads that were not observed trained
]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "information")

STEP_SERIES = (
    "loss",  # the function whose gradient the step follows: sum of the roots of its backwards
    "grad_norm",  # global L2 norm of the gradients before surefoot's clipper
    "lr",  # learning rate of the first parameter group
    "clip_threshold",  # NaN where no clipper is attached
    "clip_factor",  # in (0, 1]; NaN where no clipper is attached
    "micro_steps",  # backward passes that the step follows: since its gradients were cleared, or its last step
    "time",  # seconds since the run began
)

PARAMETER_QUANTITIES = (
    "grad_norm",  # L2 norm of the gradient, before clipping
    "param_norm",  # L2 norm of the parameter before the update
    "update_norm",  # L2 norm of the parameter's change in this step
    "grad_zero_share",  # share of gradient entries that are exactly zero, in [0, 1]
    "grad_nonfinite_share",  # share of gradient entries that are NaN or infinite, in [0, 1]
)

ACTIVATION_QUANTITIES = (
    "dead_share",  # share of units that never fired in any sampled batch of the current window, in [0, 1]
    "saturated_share",  # share of entries within 5 % of an end of a bounded activation's range, in [0, 1]
    "mean",
    "deviation",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule returns: a fault named, with its evidence and its fix.

    Args:
        code: The rule's name, for example "missing-zero-grad"; stable.
        severity: "error": it cannot train; "warning": it trains badly; "information": worth knowing.
        title: One plain sentence that says what is wrong here.
        fix: One sentence that says what to change.
        step: Optimizer step at which it shows first; None for what holds from the start.
        evidence: The numbers that show it, JSON values.
        where: Parameter, module, or the script's own file and line with its text.
        confidence: How sure, in (0, 1].
        because: Codes of findings that this one follows from; filled by the engine when it folds.
        consequences: Findings folded under this one.
    """

    code: str
    severity: Severity
    title: str
    fix: str
    step: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    where: str | None = None
    confidence: float = 1.0
    because: tuple[str, ...] = ()
    consequences: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        at = "" if self.step is None else f" (step {self.step:,})"
        where = "" if self.where is None else f"\n  where: {self.where}"
        return f"{self.severity}: {self.code}: {self.title}{at}{where}\n  fix: {self.fix}"

    def __repr__(self) -> str:
        at = "" if self.step is None else f", step {self.step:,}"
        return f"<{self.severity} {self.code}{at}: {self.title}>"


class Findings(tuple[Finding, ...]):
    """Findings, the main one first; printed, they are the sentences that a verdict shows.

    Example:
        >>> print(Findings([Finding("nan", "error", "The loss is NaN.", "Lower the rate.", step=3)]))
        error: nan: The loss is NaN. (step 3)
          fix: Lower the rate.
        >>> print(Findings())
        nothing found
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "nothing found"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run is found to be, and how much of the training that was judged by.

    Args:
        word: The gravest severity found; else "healthy", or "unknown" where too little was seen to say so.
        extent: How far the training was recorded.
        steps: The last step of which anything was recorded.
        said: The verdict in one line.
        reason: Why the rest was not seen, where that is known.
    """

    word: Word
    extent: Extent
    steps: int
    said: str
    reason: str | None = None

    def __str__(self) -> str:
        return self.said


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """One parameter tensor that capture met: in an optimizer, in a called model, or as a leaf of a loss's graph.

    Args:
        index: Column in the per-parameter layers.
        name: Dotted name in its model ("conv1.weight"), else the script's own variable or "parameter 3".
        module: Class of the module that owns it, "" for a bare tensor.
        optimizer: Index of the optimizer that holds it; None if none does.
        requires_grad: As at the last look.
        in_model: Registered in the outermost module that the script called.
        module_called: Its module ran in a training forward.
        reached: The autograd graph of a training loss led to it at least once.
        received: Optimizer steps (or backward passes) at which it held a gradient.
        is_parameter: An nn.Parameter (else a bare leaf tensor).
    """

    index: int
    name: str
    shape: tuple[int, ...]
    module: str = ""
    optimizer: int | None = None
    requires_grad: bool = True
    in_model: bool = True
    module_called: bool = True
    reached: bool = True
    received: int = 0
    is_parameter: bool = True

    @property
    def numel(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class ActivationInfo:
    """One nonlinearity met in the autograd graph.

    Args:
        index: Column in the per-activation layers.
        name: "relu after fc1.weight": the function and the last parameter before it.
        function: "relu", "sigmoid", "tanh", "leaky_relu", "softmax" …
        units: Number of units (channels or features).
    """

    index: int
    name: str
    function: str
    units: int


MANUAL = "by hand"  # stands where an optimizer has the name of its class


@dataclass(frozen=True, slots=True)
class OptimizerInfo:
    """One optimizer, or descent written by hand.

    Args:
        index: Which; steps carry it.
        name: Class name ("AdamW"), or `MANUAL`.
        settings: Defaults of the first group: lr, momentum, betas, weight_decay …; JSON values.
        parameters: Indices into `History.parameters`.
        created: "train.py:30" where it was made, if seen.
        stepped: "train.py:52" where step was called, if seen.
    """

    index: int
    name: str
    settings: Mapping[str, Any]
    parameters: tuple[int, ...]
    created: str | None = None
    stepped: str | None = None

    @property
    def subject(self) -> str:
        """What the facts about it are about."""
        return f"optimizer {self.index}"

    @property
    def manual(self) -> bool:
        """Whether it is descent written by hand."""
        return self.name == MANUAL


@dataclass(frozen=True, slots=True)
class Run:
    """One observed training: who, what, when, how it ended."""

    path: str
    name: str
    script: str
    argv: tuple[str, ...] = ()
    status: Status = "running"
    exit_code: int | None = None
    error: str | None = None  # "ValueError: …", the script's own exception
    started: float = 0.0  # seconds since the epoch
    ended: float | None = None
    heartbeat: float | None = None
    steps: int = 0
    backwards: int = 0
    command: str = ""
    source: str = ""  # the script's text
    environment: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<run {self.name or 'without a name'}: {self.status}, {self.steps:,} steps of {self.script}>"


@dataclass(frozen=True, slots=True)
class Series:
    """One number over optimizer steps.

    Args:
        steps: Shape (n,), int64, increasing; a step may repeat for metrics logged twice.
        values: Shape (n,), float64; NaN and infinities are what was recorded.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, values: Sequence[float], steps: Sequence[int] | None = None) -> Series:
        """Series of `values` at `steps`, by default 1, 2, 3, …

        Example:
            >>> Series.of([2.0, 1.0]).steps
            array([1, 2])
        """
        data = np.asarray(values, dtype=np.float64)
        at = np.arange(1, len(data) + 1) if steps is None else np.asarray(steps)
        return cls(at.astype(np.int64), data)

    def __repr__(self) -> str:
        if not len(self):
            return "<series: empty>"
        ends = f"{self.values[0]:.4g} at step {self.steps[0]:,} to {self.values[-1]:.4g} at step {self.steps[-1]:,}"
        return f"<series of {len(self):,}: {ends}>"

    @property
    def finite(self) -> Series:
        """The same without NaN and infinities."""
        keep = np.isfinite(self.values)
        return Series(self.steps[keep], self.values[keep])


@dataclass(frozen=True, slots=True)
class Layers:
    """One quantity of every parameter (or activation) over the sampled steps.

    Args:
        steps: Shape (n,), int64.
        values: Shape (n, columns), float64; NaN where a column was not measured at that step.
        optimizers: Shape (n,), int64: which optimizer's step it was.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    optimizers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.steps)


_NO_STEPS = np.empty(0, dtype=np.int64)
_NO_SERIES = Series(_NO_STEPS, np.empty(0))


@dataclass(frozen=True, slots=True)
class History:
    """All that rules may look at: the whole of one run so far.

    Args:
        run: The run.
        optimizers: In order of first sight.
        parameters: Columns of the per-parameter layers.
        activations: Columns of the per-activation layers.
        step_series: (name of STEP_SERIES, optimizer index) -> Series.
        metrics: Scalars by name: val_loss, what the user logged, and surefoot's own probes ("target/mean" …).
        parameter_layers: Name of PARAMETER_QUANTITIES -> Layers.
        activation_layers: Name of ACTIVATION_QUANTITIES -> Layers.
        all_facts: Facts of every kind; `facts` and `fact` pick one.
        others: The same training in its other processes, by the names of their runs; none where one alone trained.
    """

    run: Run
    optimizers: tuple[OptimizerInfo, ...] = ()
    parameters: tuple[ParameterInfo, ...] = ()
    activations: tuple[ActivationInfo, ...] = ()
    step_series: Mapping[tuple[str, int], Series] = field(default_factory=dict)
    metrics: Mapping[str, Series] = field(default_factory=dict)
    parameter_layers: Mapping[str, Layers] = field(default_factory=dict)
    activation_layers: Mapping[str, Layers] = field(default_factory=dict)
    all_facts: tuple[Fact, ...] = ()
    others: Mapping[str, History] = field(default_factory=dict)
    _derived: dict[Callable[[History], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __repr__(self) -> str:
        return f"<history of {self.run!r}: {len(self.metrics)} metrics, {len(self.all_facts)} facts>"

    def derived(self, measure: Callable[[History], _T]) -> _T:
        """What `measure` makes of this history, made once and kept as long as the history is.

        Args:
            measure: A pure function with a name of its own, which is what its result is kept under.

        Example:
            >>> history = History(Run(path="", name="", script=""))
            >>> def count(history):
            ...     return [len(history.all_facts)]
            >>> history.derived(count) is history.derived(count)
            True
        """
        if measure not in self._derived:
            self._derived[measure] = measure(self)
        return self._derived[measure]  # type: ignore[no-any-return]

    @property
    def main(self) -> int:
        """Index of the optimizer with the most steps; the first of equals."""
        counts = [len(self.series("time", o.index)) for o in self.optimizers]
        return self.optimizers[int(np.argmax(counts))].index if counts else 0

    def series(self, name: str, optimizer: int | None = None) -> Series:
        """A step series of one optimizer, by default the main one; empty if never recorded."""
        index = self.main if optimizer is None else optimizer
        return self.step_series.get((name, index), _NO_SERIES)

    def metric(self, name: str) -> Series:
        """A metric by name; empty if never recorded."""
        return self.metrics.get(name, _NO_SERIES)

    def parameter_layer(self, quantity: str) -> Layers:
        """A per-parameter quantity; no rows if never measured."""
        return self.parameter_layers.get(quantity, _no_layers(len(self.parameters)))

    def activation_layer(self, quantity: str) -> Layers:
        """A per-activation quantity; no rows if never measured."""
        return self.activation_layers.get(quantity, _no_layers(len(self.activations)))

    def facts(self, kind: type[_F]) -> tuple[_F, ...]:
        """All facts of a kind, in order of first sight."""
        return tuple(fact for fact in self.all_facts if isinstance(fact, kind))

    def fact(self, kind: type[_F], subject: str | None = None) -> _F | None:
        """The first fact of a kind (and subject), or None."""
        return next((f for f in self.facts(kind) if subject is None or f.subject == subject), None)


def _no_layers(columns: int) -> Layers:
    return Layers(_NO_STEPS, np.empty((0, columns)), _NO_STEPS)
