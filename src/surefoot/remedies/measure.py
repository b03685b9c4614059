"""Losses in the one form that trainings are compared by, where a remedy gives the loss another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TRAINING, VALIDATION = "measured/training", "measured/validation"

Sink = Callable[[str, int, float], None]


class Measure:
    """Gathers the values of one step, and of one evaluation.

    Attributes:
        sink: Called with (name, step, mean).
    """

    def __init__(self) -> None:
        self.sink: Sink = lambda name, step, value: None
        self._steps = 0
        self._training: list[float] = []
        self._validation: list[tuple[float, int]] = []

    def note(self, value: Tensor, batch: Tensor) -> None:
        """A loss function returned `value` for a batch; without gradients it is an evaluation's."""
        number = float(value.detach().double().mean())
        if torch.is_grad_enabled():
            self._evaluated()
            self._training.append(number)
        else:
            self._validation.append((number, batch.shape[0] if batch.dim() else 1))

    def step(self) -> None:
        """An optimizer has stepped."""
        self._steps += 1
        if self._training:
            self.sink(TRAINING, self._steps, sum(self._training) / len(self._training))
            self._training = []

    def end(self) -> None:
        """The training is over."""
        self._evaluated()

    def _evaluated(self) -> None:
        if self._validation and self._steps:
            entries = sum(weight for _, weight in self._validation)
            mean = sum(value * weight for value, weight in self._validation) / max(1, entries)
            self.sink(VALIDATION, self._steps, mean)
        self._validation = []
