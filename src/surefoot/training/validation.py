"""One pass over held-out data: mean loss and metrics, in eval mode, without gradients, without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.errors import SettingError
from surefoot.training.batches import Source
from surefoot.training.engine import Engine
from surefoot.training.random_state import kept_random_state
from surefoot.training.task import Task, Value

Metric = Callable[[Any, Any], Any]


class Validation:
    """Held-out data with what is measured on it.

    Args:
        source: Its batches, in order.
        task: Forward pass and loss.
        metrics: Name -> function of (output, target) that returns the mean over the batch's examples.
    """

    def __init__(self, source: Source, task: Task, metrics: Mapping[str, Metric] | None = None) -> None:
        self._source = source
        self._task = task
        self._metrics = dict(metrics or {})

    def __call__(self, model: nn.Module, engine: Engine) -> dict[str, float]:
        """Mean over all examples of loss ("val_loss") and metrics ("val_" + name).

        Args:
            model: As it is trained; its modes are put back.
            engine: Its device and processes.

        Returns:
            Name -> mean, the same on every process.

        Effects: none on modes and random numbers; one host synchronisation.
        """
        dtype = torch.float32 if engine.device.type == "mps" else torch.float64
        # Sum and weight of the loss, then of each metric.
        totals = torch.zeros(2, 1 + len(self._metrics), dtype=dtype, device=engine.device)
        with kept_random_state(), evaluating(model), torch.no_grad():
            for step in self._source.steps(0):
                for micro in step.micro:
                    value = self._task(model, engine.sent(micro.data))
                    totals += self._measured(value, micro.share, totals)
        sums, weights = engine.summed(totals).tolist()
        means = [
            total / weight if weight else float("nan") for total, weight in zip(sums, weights, strict=True)
        ]
        return dict(zip(("val_loss", *(f"val_{name}" for name in self._metrics)), means, strict=True))

    def _measured(self, value: Value, share: int, like: Tensor) -> Tensor:
        if not share:
            return torch.zeros_like(like)
        root = value.root.detach().to(like)
        if value.count is not None:
            columns = [torch.stack([root, torch.as_tensor(value.count).to(like)])]
        elif self._task.sums:
            columns = [torch.stack([root, root.new_tensor(share)])]
        else:
            columns = [torch.stack([root * share, root.new_tensor(share)])]
        for name, metric in self._metrics.items():
            if value.target is None:
                raise SettingError(
                    f"The metric {name!r} needs output and target, which a loss that runs the model itself "
                    "does not hand on: use a loss(output, target)."
                )
            mean = torch.as_tensor(metric(value.output, value.target)).to(like)
            columns.append(torch.stack([mean * share, mean.new_tensor(share)]))
        return torch.stack(columns, dim=1)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside; every module's own mode afterwards, so that what was frozen on purpose stays so."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
