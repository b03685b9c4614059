"""A training script in parts: what loops put together and faults act on.

Parts are Python text with `$model`, `$optimizer`, `$inputs`, `$targets`, … where each loop style has names of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

ORDER = ("clear", "forward", "loss", "backward", "clip", "step", "schedule")
_NAME = re.compile(r"\$([a-z_]+)")


@dataclass(frozen=True)
class Program:
    """One training; every field is what somebody could have written differently.

    Args:
        seed: Of torch, and of what is varied beside it.
        kind: What the targets are: classes, binary, number, tokens, padded (tokens), same (the inputs), pairs.
        data: Makes x_train, y_train, x_test, y_test.
        scaling: Lines that scale them.
        model: Classes, the last of them `Net`, whose forward ends in `return self.head(x)`.
        forward: Makes `output` of `$model` and `$inputs`.
        loss: Makes `loss` of `output` and `$targets`.
        score: Makes `score` of `output` and `$targets`; more is better, at most 1.
        optimizer: A call with `$parameters` and `$rate`.
        rate: What `$rate` is.
        batch: Examples a batch.
        epochs: Passes through the data.
        bar: The score that this data and model allow, with room for seeds.
        traits: What it has, for faults to ask: dropout, batch-norm, recurrent, …
        schedule: A scheduler's call, stepped once an optimizer step; empty for none.
        clip: The norm that gradients are clipped to; None for no clipping.
        order: What a step does, in order.
        built: Lines after the model is made.
        before: Lines before the training, after the optimizer is made.
        optimized: What the optimizer gets.
        training: Sets the mode for training, at the start of each epoch.
        evaluating: Sets the mode for evaluation.
        loader: A call that makes the batches.
        each_epoch: Lines at the start of each epoch.
        accumulated: What a micro-batch's loss is divided by; None for the right number.
        options: What else a loop style asks.
    """

    seed: int
    kind: str
    data: str
    scaling: str
    model: str
    loss: str
    score: str
    optimizer: str
    rate: float
    batch: int
    epochs: int
    bar: float
    traits: frozenset[str] = frozenset()
    forward: str = "output = $model($inputs)"
    schedule: str = ""
    clip: float | None = None
    order: tuple[str, ...] = ORDER
    built: str = ""
    before: str = ""
    optimized: str = "$model.parameters()"
    training: str = "$model.train()"
    evaluating: str = "$model.eval()"
    loader: str = "DataLoader(TensorDataset(x_train, y_train), batch_size=$batch, shuffle=True)"
    each_epoch: str = ""
    accumulated: int | None = None
    options: frozenset[str] = frozenset()

    def without(self, *parts: str) -> Program:
        """The same with these parts of the step forgotten."""
        return replace(self, order=tuple(part for part in self.order if part not in parts))

    def moved(self, part: str, after: str) -> Program:
        """The same with one part of the step done right after another."""
        rest = [other for other in self.order if other != part]
        place = rest.index(after) + 1
        return replace(self, order=(*rest[:place], part, *rest[place:]))


def filled(text: str, names: Mapping[str, object]) -> str:
    """`text` with each `$name` that is known put in."""
    while True:
        put = _NAME.sub(lambda match: str(names.get(match[1], match[0])), text)
        if put == text:
            return text
        text = put


def indented(text: str, levels: int = 1) -> str:
    """`text` moved to the right."""
    return "\n".join("    " * levels + line if line.strip() else line for line in text.splitlines())
