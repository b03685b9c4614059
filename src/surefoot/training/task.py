"""From a batch to a loss: the forward pass, and what the loss's number stands for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from surefoot.errors import SettingError

Loss = Callable[..., Any]


@dataclass(slots=True)
class Value:
    """The loss of one batch.

    Args:
        root: Scalar to go backward from: mean over the batch's examples, or a sum with its count.
        count: What `root` is to be divided by to be a mean; None if it is one already.
        output: What the model returned, for metrics; None where the loss ran the model itself.
        target: What the loss compared it with.
    """

    root: Tensor
    count: Tensor | float | None
    output: Any = None
    target: Any = None


class Task:
    """How a model and a loss make a number of a batch.

    Args:
        loss: One of
            `loss(output, target)` for batches (input, …, target): the model is called with all but the last;
            `loss(model, batch)`, known by the name of its first argument: it runs the model itself;
            None: the model returns its loss (`.loss` or `["loss"]`), as Transformers' do with labels.
            It returns a scalar, the mean over the examples, or a pair (sum, count): what varies from example
            to example, such as tokens, is then weighed right over micro-batches and processes.

    Raises:
        SettingError: `loss` cannot be called.
    """

    def __init__(self, loss: Loss | None) -> None:
        if loss is not None and not callable(loss):
            raise SettingError(f"loss is a {type(loss).__name__}: give a function of output and target.")
        self._loss = loss
        self._takes_model = loss is not None and _first_argument(loss) == "model"
        self.sums = getattr(loss, "reduction", None) == "sum"

    def __call__(self, model: nn.Module, batch: Any) -> Value:
        """Forward pass and loss of one batch.

        Raises:
            SettingError: The batch does not fit the loss, or the loss is not a scalar.
        """
        if self._takes_model:
            assert self._loss is not None
            return _value(self._loss(model, batch))
        if self._loss is None:
            output = model(**batch) if isinstance(batch, Mapping) else model(*_listed(batch))
            return _value(_own_loss(output), output)
        if isinstance(batch, Mapping) or not isinstance(batch, tuple | list) or len(batch) < 2:
            raise SettingError(
                f"The batch is a {_told(batch)}, and loss(output, target) needs (input, …, target): "
                "write a loss(model, batch) that runs the model itself."
            )
        *inputs, target = batch
        output = model(*inputs)
        return _value(self._loss(output, target), output, target)


def _value(found: Any, output: Any = None, target: Any = None) -> Value:
    count = None
    if isinstance(found, tuple) and len(found) == 2:
        found, count = found
    if not isinstance(found, Tensor) or found.numel() != 1:
        raise SettingError(f"The loss returned a {_told(found)}: let it return a scalar tensor, the mean.")
    return Value(found if found.ndim == 0 else found.reshape(()), count, output, target)


def _own_loss(output: Any) -> Any:
    loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if loss is None:
        raise SettingError(
            f"loss is None and the model returned a {_told(output)} without a loss: give a loss function."
        )
    return loss


def _listed(batch: Any) -> list[Any]:
    return list(batch) if isinstance(batch, tuple | list) else [batch]


def _told(found: Any) -> str:
    return f"tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__


def _first_argument(loss: Loss) -> str:
    try:
        names = list(inspect.signature(loss).parameters)
    except (TypeError, ValueError):  # some builtins have no signature
        return ""
    return names[0] if names else ""
