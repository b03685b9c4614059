"""One optimizer step in the only right order: clear, forward, backward, unscale, clip, step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from surefoot.clipping import attached
from surefoot.clipping.step import scale_gradients
from surefoot.training.batches import MicroBatch, StepBatch
from surefoot.training.engine import Engine
from surefoot.training.guard import NonfiniteGuard, surely_finite
from surefoot.training.task import Task

HILL = 1e6  # in units of the first loss


class Stepper:
    """Takes steps; clipping happens in a hook of the optimizer's own step, after the gradients are unscaled.

    Args:
        engine: Device, processes, precision.
        model: As `engine` prepared it.
        optimizer: As `engine` prepared it.
        raw: The torch optimizer inside.
        task: Forward pass and loss.
    """

    def __init__(self, engine: Engine, model: nn.Module, optimizer: Any, raw: Optimizer, task: Task) -> None:
        self._engine = engine
        self._model = model
        self._optimizer = optimizer
        self._task = task
        self._parameters = [p for group in raw.param_groups for p in group["params"]]
        self._raw = raw
        self._by_closure = isinstance(raw, LBFGS)
        self._guard: NonfiniteGuard | None = None

    def __call__(self, batch: StepBatch) -> Tensor:
        """One optimizer step.

        Returns:
            The loss before the step, shape (), on the device: this process's part of the mean over all
            processes' examples (all of it where there is one process).
        """
        if not self._by_closure:
            loss = self._gradients(batch)
            self._engine.unscale(self._optimizer)
            guard = self._guard
            if guard is not None and not surely_finite(self._present()):
                # Attached from here on: it leaves steps out, and counts them.
                guard.attach(self._raw, self._model)
                self._guard = None
            self._optimizer.step()
            return loss
        own: list[Tensor] = []  # this process's part of each evaluation
        whole: list[Tensor] = []

        def closure() -> Tensor:
            own.append(self._gradients(batch))
            whole.append(self._engine.summed(own[-1]))
            # A line search backs off from a hill; NaN compares with nothing, and infinity interpolates to NaN.
            hill = HILL * (1.0 + whole[0].nan_to_num().abs().clamp(max=HILL))
            return torch.where(torch.isfinite(whole[-1]), whole[-1], hill)

        self._optimizer.step(closure)
        return own[0]

    def guarded_by(self, guard: NonfiniteGuard) -> bool:
        """Look at each step's gradients before it and attach `guard` at the first that needs it.

        Returns:
            False where this cannot be: the guard is to be attached at once.
        """
        plain = self._engine.device.type == "cpu" and self._engine.scaler is None
        if not plain or self._by_closure or attached(self._raw) is not None:
            return False
        self._guard = guard
        return True

    @property
    def skipped(self) -> bool:
        """Whether fp16's scaler left the last step out because of an overflow."""
        return bool(self._optimizer.step_was_skipped)

    def _gradients(self, batch: StepBatch) -> Tensor:
        """Clear gradients, then those of the mean loss over all examples of the step on all processes."""
        self._optimizer.zero_grad()
        engine, last = self._engine, len(batch.micro) - 1
        values: list[Tensor] = []
        counts: list[Tensor] = []
        unit: Tensor | float = float(batch.reference)
        for number, micro in enumerate(batch.micro):
            with engine.quiet(self._model, number < last):
                value = self._task(self._model, engine.sent(micro.data))
                if value.count is None:
                    weight = 1.0 if self._task.sums else micro.share / batch.reference
                    root = _times(value.root, weight if micro.share else 0.0)
                    values.append(_times(value.root.detach(), self._part(micro, batch)))
                else:
                    wide = torch.promote_types(value.root.dtype, torch.float32)
                    count = torch.as_tensor(value.count, device=value.root.device, dtype=wide)
                    if engine.processes == 1 and not counts:
                        unit = torch.where(count > 0, count, 1.0)  # one micro-batch alone is its plain mean
                    present = 1.0 if micro.share else 0.0
                    root = _times(value.root / unit, present)
                    values.append(_times(value.root.detach(), present))
                    counts.append(_times(count, present))
                engine.backward(root)
        total = values[0] if len(values) == 1 else torch.stack(values).sum()
        if counts:
            everything = engine.summed(torch.stack(counts).sum())
            if len(counts) > 1 or engine.processes > 1:
                self._scale(unit * engine.processes / everything)
            return total / everything
        # Processes average their gradients.
        self._scale(engine.processes * (1.0 if self._task.sums else batch.reference / batch.examples))
        return total

    def _part(self, micro: MicroBatch, batch: StepBatch) -> float:
        if self._task.sums:
            return 1.0 if micro.share else 0.0
        return micro.share / batch.examples

    def _present(self) -> list[Tensor]:
        return [gradient for p in self._parameters if (gradient := p.grad) is not None]

    def _scale(self, factor: Tensor | float) -> None:
        if isinstance(factor, Tensor) or factor != 1.0:
            gradients = self._present()
            if gradients:
                scale_gradients(gradients, factor)


def _times(value: Tensor, weight: float) -> Tensor:
    """`value` itself where the weight is 1, so that nothing is added to the graph or rounded."""
    return value if weight == 1.0 else value * weight
