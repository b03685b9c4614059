"""Faults of the initial weights."""

from __future__ import annotations

from collections.abc import Callable

from forge.faults.base import Fault, appended, changed, fault
from forge.program import Program


def _filled(value: str) -> Callable[[Program], Program | None]:
    def put(program: Program) -> Program | None:
        return appended(
            program, "built", f"for weights in $model.parameters():\n    nn.init.constant_(weights, {value})"
        )

    return put


CONSTANT: list[Fault] = [
    fault("constant-start/0.05", "symmetric-initialization", certain=True)(_filled("0.05")),
    fault("constant-start/0", "symmetric-initialization", certain=True)(_filled("0.0")),
]


@fault("dead-start", "dead-units")
def dead_start(program: Program) -> Program | None:
    """Units that no input wakes."""
    if "relu" not in program.traits or "self.first" not in program.model:
        return None
    return appended(program, "built", "nn.init.constant_($model.first.bias, -30.0)")


@fault("large-head/100", "initial-loss-too-high")
def large_head(program: Program) -> Program | None:
    """Logits of hundreds at the start."""
    if "self.head =" not in program.model:
        return None
    return appended(program, "built", "$model.head.weight.data.mul_(100.0)")


@fault("large-start/20", "initial-loss-too-high", "exploding-gradient", "saturated-units")
def large_start(program: Program) -> Program | None:
    """All weights far too large."""
    return appended(
        program,
        "built",
        "for weights in $model.parameters():\n    if weights.dim() > 1:\n        nn.init.normal_(weights, std=2.0)",
    )


@fault("saturated-tanh", "saturated-units")
def saturated_tanh(program: Program) -> Program | None:
    """Bounded units at their ends from the start."""
    if "plain" not in program.traits:
        return None
    bounded = changed(program, "model", "nn.ReLU()", "nn.Tanh()")
    return bounded and appended(
        bounded,
        "built",
        "for layer in ($model.first, $model.second):\n    nn.init.normal_(layer.weight, std=8.0)",
    )
