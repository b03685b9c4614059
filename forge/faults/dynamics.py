"""Faults of numbers: rates, clipping, decay, the scale of inputs and targets, too few examples."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from forge.faults.base import Fault, appended, fault
from forge.program import Program


def _rate(times: float) -> Callable[[Program], Program | None]:
    return lambda program: replace(program, rate=program.rate * times)


RATES: list[Fault] = [
    fault("rate-high/30", "lr-too-high")(_rate(30)),
    fault("rate-high/300", "lr-too-high")(_rate(300)),
    fault("rate-low/300", "lr-too-low")(_rate(1 / 300)),
    fault("rate-low/3000", "lr-too-low")(_rate(1 / 3000)),
]


def _clip(norm: float) -> Callable[[Program], Program | None]:
    return lambda program: replace(program, clip=norm)


CLIPS: list[Fault] = [
    fault("tight-clip/1e-6", "clipping-too-tight")(_clip(1e-6)),
    fault("tight-clip/1e-3", "clipping-too-tight")(_clip(1e-3)),
]


def _decay(weight: float) -> Callable[[Program], Program | None]:
    def put(program: Program) -> Program | None:
        call = re.sub(r", weight_decay=[^,)]*", "", program.optimizer)
        # AdamW's decay is multiplied by the rate, which is small.
        strength = 100 * weight if "AdamW" in call else weight
        return replace(program, optimizer=f"{call[:-1]}, weight_decay={strength})")

    return put


DECAYS: list[Fault] = [
    fault("strong-decay/1", "weight-decay-too-strong")(_decay(1.0)),
    fault("strong-decay/0.3", "weight-decay-too-strong")(_decay(0.3)),
]


def _unscaled(program: Program, line: str) -> Program | None:
    """The program without the lines of its scaling that begin so."""
    lines = [text for text in program.scaling.splitlines() if not re.match(line, text)]
    return (
        replace(program, scaling="\n".join(lines)) if len(lines) < len(program.scaling.splitlines()) else None
    )


@fault("raw-inputs/as-they-are", "unnormalized-inputs")
def raw_inputs(program: Program) -> Program | None:
    """Inputs in their own units."""
    return _unscaled(program, r"(x_train|mean)")


@fault("raw-inputs/times-1000", "unnormalized-inputs")
def large_inputs(program: Program) -> Program | None:
    """Inputs in a unit a thousand times too small."""
    if not program.scaling:
        return None
    return appended(program, "scaling", "x_train, x_test = 1000 * x_train, 1000 * x_test")


@fault("raw-inputs/thousandth", "unnormalized-inputs")
def small_inputs(program: Program) -> Program | None:
    """Inputs in a unit a thousand times too large."""
    if not program.scaling:
        return None
    return appended(program, "scaling", "x_train, x_test = x_train / 1000, x_test / 1000")


@fault("raw-targets/as-they-are", "unscaled-targets")
def raw_targets(program: Program) -> Program | None:
    """Targets in their own units."""
    return _unscaled(program, r"(y_train|y_mean)")


@fault("raw-targets/times-1000", "unscaled-targets")
def large_targets(program: Program) -> Program | None:
    """Targets in a unit a thousand times too small."""
    if program.kind != "number":
        return None
    return appended(program, "scaling", "y_train, y_test = 1000 * y_train, 1000 * y_test")


@fault("nan-in-inputs", "nonfinite-input", certain=True)
def nan_in_inputs(program: Program) -> Program | None:
    """One value is missing."""
    return appended(program, "scaling", 'x_train[5, 0] = float("nan")') if program.scaling else None


@fault("test-not-scaled", "preprocessing-mismatch")
def test_not_scaled(program: Program) -> Program | None:
    """Only the training inputs are scaled."""
    text = re.sub(
        r"(x_train.*), (?:\(x_test - mean\) / deviation|x_test / \d+)$",
        r"\1, x_test",
        program.scaling,
        flags=re.M,
    )
    return replace(program, scaling=text) if text != program.scaling else None


@fault("few-examples", "overfitting")
def few_examples(program: Program) -> Program | None:
    """As many steps over two dozen examples."""
    if program.kind == "pairs" or not program.data:
        return None
    few = appended(program, "scaling", "x_train, y_train = x_train[:24], y_train[:24]")
    return replace(few, epochs=170)


@fault("rate-vanishes/0.8", "lr-vanished")
def vanishing_rate(program: Program) -> Program | None:
    """The rate loses a fifth of itself each step."""
    return replace(program, schedule="torch.optim.lr_scheduler.ExponentialLR($optimizer, 0.8)")


@fault("rate-vanishes/steps", "lr-vanished")
def steps_too_short(program: Program) -> Program | None:
    """A schedule meant for epochs, stepped each batch."""
    return replace(program, schedule="torch.optim.lr_scheduler.StepLR($optimizer, 5, 0.1)")


@fault("warm-up-endless", "lr-too-low")
def endless_warmup(program: Program) -> Program | None:
    """A warm-up many times as long as the training."""
    return replace(
        program, schedule="torch.optim.lr_scheduler.LinearLR($optimizer, 1e-5, total_iters=100000)"
    )


@fault("tiny-batches", "tiny-batch-norm")
def tiny_batches(program: Program) -> Program | None:
    """Batch norm over two examples."""
    return replace(program, batch=2, epochs=1) if "batch-norm" in program.traits else None


@fault("log-of-zeros", "nonfinite-input", certain=True)
def log_of_zeros(program: Program) -> Program | None:
    """The logarithm of inputs some of which are zero."""
    if "load_digits" not in program.data or program.kind != "classes":
        return None
    return appended(program, "scaling", "x_train, x_test = x_train.log(), x_test.log()")


@fault("rate-squared", "lr-vanished", "lr-too-low")
def squared_rate(program: Program) -> Program | None:
    """LambdaLR's function gives the rate, by which the rate is multiplied."""
    return replace(
        program, schedule="torch.optim.lr_scheduler.LambdaLR($optimizer, lambda step: $rate * 0.999**step)"
    )
