"""Frozen records of a backward pass: its operations, what it keeps in memory, and whether its gradients are right.

The autograd room computes them, the figures room draws them. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

Shape = tuple[int, ...]
Mark = Literal["vanishing", "exploding", "turns NaN", "NaN", "zero"]


@dataclass(frozen=True, slots=True)
class Edge:
    """One way that gradient leaves an operation.

    Args:
        to: Index of the operation it goes to; None if it ends at a leaf.
        leaf: Name of the parameter or other leaf it ends at; None otherwise.
        shape: Of the gradient; None if none was computed.
        norm: Its L2 norm; NaN if none was computed.
        value: The gradient itself where it has one entry.
    """

    to: int | None
    leaf: str | None
    shape: Shape | None
    norm: float
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One node of the autograd graph, as the backward pass ran it.

    Args:
        index: Order in which backward ran it, from 0 at the loss.
        name: "Addmm", "Relu" …: torch's name without "Backward0".
        module: Dotted name of the module it belongs to; "" outside of all.
        shape: Of the gradient that came in, which is the shape of the operation's output.
        norm_in: L2 norm of the gradient that came in.
        norm_out: Joint L2 norm of what went out to all inputs.
        edges: What went out, input by input.
        mark: What is wrong here, if anything.
        value_in: The gradient that came in where it has one entry.
        line: The line that made it, as "model.py:12", where that was kept.
    """

    index: int
    name: str
    module: str
    shape: Shape | None
    norm_in: float
    norm_out: float
    edges: tuple[Edge, ...]
    mark: Mark | None = None
    value_in: float | None = None
    line: str = ""

    @property
    def factor(self) -> float:
        """Norm out over norm in: the pull of the operation's Jacobian; NaN for nothing over nothing."""
        if self.norm_in == 0:
            return float("nan")
        return self.norm_out / self.norm_in


@dataclass(frozen=True, slots=True)
class ModuleGradient:
    """A run of neighbouring operations of one module, collapsed.

    Args:
        module: Dotted name; "" for operations outside of all modules.
        operations: Their indices.
        norm_in: Norm of the gradient that came in to the run's first operation.
        norm_out: Norm of what the run passed on to operations beyond it (not to its parameters).
        mark: The first mark among them.
        line: The lines that made operations outside of all modules, as "model.py:12" or "model.py:12-15".
    """

    module: str
    operations: tuple[int, ...]
    norm_in: float
    norm_out: float
    mark: Mark | None = None
    line: str = ""

    @property
    def label(self) -> str:
        """What it is called: its module, else its lines."""
        return self.module or self.line or "(outside)"

    @property
    def factor(self) -> float:
        """Norm out over norm in; NaN where nothing came in or nothing lies beyond."""
        if self.norm_in == 0:
            return float("nan")
        return self.norm_out / self.norm_in


@dataclass(frozen=True, slots=True)
class LeafGradient:
    """The gradient of one parameter or other leaf.

    Args:
        name: As in the model, as named by the caller, or "leaf 3".
        shape: Its shape.
        norm: L2 norm of its whole gradient.
        value: The gradient where it has one entry.
    """

    name: str
    shape: Shape
    norm: float
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Backpropagation:
    """One backward pass, taken apart.

    Args:
        loss: The value it began at.
        operations: In the order backward ran them.
        leaves: What it ended at.
        unreached: Trainable parameters of the model that nothing reaches.
        collapsed_by: "forward": modules were watched in the forward pass. "parameters": an operation is counted to the
            module whose parameter it reads, and those without to the last such before it.
    """

    loss: float
    operations: tuple[Operation, ...]
    leaves: tuple[LeafGradient, ...]
    unreached: tuple[str, ...]
    collapsed_by: Literal["forward", "parameters"]

    def collapsed(self, depth: int | None = None) -> tuple[ModuleGradient, ...]:
        """The operations collapsed by module, names cut to so many dotted parts; None cuts nothing."""
        return collapse(self.operations, depth)

    @property
    def marked(self) -> tuple[Operation, ...]:
        """Operations with a mark."""
        return tuple(operation for operation in self.operations if operation.mark)

    @property
    def scalar(self) -> bool:
        """Whether every gradient in it is one number."""
        return all(o.value_in is not None for o in self.operations)


def collapse(operations: Sequence[Operation], depth: int | None = None) -> tuple[ModuleGradient, ...]:
    """Neighbouring operations of one module as one row."""
    rows = []
    for module, run in groupby(operations, key=lambda o: ".".join(o.module.split(".")[:depth])):
        members = list(run)
        inside = {o.index for o in members}
        beyond = [e.norm for o in members for e in o.edges if e.to is not None and e.to not in inside]
        passed = joint([n for n in beyond if n == n]) if beyond else float("nan")
        marks = [o.mark for o in members if o.mark]
        rows.append(
            ModuleGradient(
                module,
                tuple(sorted(inside)),
                members[0].norm_in,
                passed,
                marks[0] if marks else None,
                "" if module else _lines([o.line for o in members]),
            )
        )
    return tuple(rows)


def _lines(lines: Sequence[str]) -> str:
    """The lines of one file from first to last.

    Example:
        >>> _lines(["a.py:12", "", "a.py:9", "b.py:3"])
        'a.py:9-12'
    """
    known = [line.rpartition(":") for line in lines if line]
    if not known:
        return ""
    file = known[0][0]
    numbers = [int(number) for name, _, number in known if name == file]
    first, last = min(numbers), max(numbers)
    return f"{file}:{first}" if first == last else f"{file}:{first}-{last}"


def joint(norms: Sequence[float]) -> float:
    """Norm of parts whose norms are given."""
    return math.sqrt(sum(n * n for n in norms))


@dataclass(frozen=True, slots=True)
class ModuleMemory:
    """What one module keeps for backward, and what checkpointing it would change.

    Args:
        module: Dotted name; "" for what is kept outside of all modules.
        kept: Bytes that its own operations keep (not those of its children), parameters and buffers left out.
        whole: Bytes that it and its children keep.
        saved: Bytes less kept in all if this module is checkpointed; None where it was not tried.
        slower: Time of forward and backward with it checkpointed, over the time without; None where it was not tried.
    """

    module: str
    kept: int
    whole: int
    saved: int | None = None
    slower: float | None = None


@dataclass(frozen=True, slots=True)
class InputCheck:
    """Whether the gradient of one input is right.

    Args:
        name: "input 0", or as named by the caller.
        shape: Of the input.
        right: The analytic gradient agrees with the numeric one.
        message: One sentence.
        worst: (output entry, input entry) of the largest disagreement; None where it is right or could not be told.
        analytic: The Jacobian's entry there, by the backward pass.
        numeric: By central differences.
        wrong: How many entries of the Jacobian disagree.
        entries: Of how many.
    """

    name: str
    shape: Shape
    right: bool
    message: str
    worst: tuple[Shape, Shape] | None = None
    analytic: float | None = None
    numeric: float | None = None
    wrong: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """The verdict on a function's backward pass.

    Args:
        function: Its name.
        inputs: One check for each input that requires gradients.
        settings: eps, atol, rtol.
    """

    function: str
    inputs: tuple[InputCheck, ...]
    settings: Mapping[str, float]

    @property
    def right(self) -> bool:
        """Whether all inputs are right."""
        return all(check.right for check in self.inputs)

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        verdict = "right" if self.right else "wrong"
        lines = [f"the backward pass of {self.function} is {verdict}"]
        lines += [f"  {check.message}" for check in self.inputs]
        return "\n".join(lines)
