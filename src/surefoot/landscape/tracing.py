"""What one forward pass shows of a model: which layers read the data alone, and who reads what they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from surefoot.errors import SettingError
from surefoot.landscape.objective import Objective
from surefoot.landscape.quick_losses import FEW_CLASSES, IN_PLACE_LOSSES, QUICK_LOSSES

AFFINE: tuple[Callable[..., Any], ...] = (F.linear, F.conv1d, F.conv2d, F.conv3d)
IN_PLACE: dict[Callable[..., Any], Callable[[Tensor], Tensor]] = {
    F.relu: Tensor.relu_,
    torch.relu: Tensor.relu_,
    torch.tanh: Tensor.tanh_,
    torch.sigmoid: Tensor.sigmoid_,
}


@dataclass(frozen=True)
class AffineCall:
    """An affine layer whose input comes from the data alone.

    Args:
        index: Which of the affine calls of a forward pass.
        weight: Its parameter's name.
        bias: Likewise, or None.
        ours: Nothing but an activation of IN_PLACE or a loss of IN_PLACE_LOSSES reads its output, so that
            the reader may overwrite it.
    """

    index: int
    weight: str
    bias: str | None
    ours: bool = False


@dataclass(frozen=True)
class Trace:
    """What one forward pass at the base showed.

    Args:
        affine: Layers that can be computed ahead.
        largest: Entries of the largest tensor that an operation returned.
        quick: A loss was seen that can be computed a quicker way.
        across: Indices of linear layers with few outputs that nothing but a cross-entropy reads.
        loss: The batch's loss at the base, shape ().
    """

    affine: tuple[AffineCall, ...]
    largest: int
    quick: bool
    across: frozenset[int]
    loss: Tensor

    @property
    def helps(self) -> bool:
        """Whether anything can be computed ahead or faster."""
        return bool(self.affine) or self.quick


class _Tracer(TorchFunctionMode):
    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.names = names
        self.seen: list[AffineCall] = []
        self.few: list[int] = []
        self.calls = 0
        self.largest = 1
        self.quick = False
        self.reads: dict[str, int] = {}
        self.outputs: dict[int, tuple[int, Tensor]] = {}  # kept alive, so that no other tensor has their id
        self.readers: dict[int, list[Callable[..., Any]]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor) and id(value) in self.names:
                name = self.names[id(value)]
                self.reads[name] = self.reads.get(name, 0) + 1
            elif id(value) in self.outputs:
                self.readers.setdefault(self.outputs[id(value)][0], []).append(func)
        self.quick = self.quick or func in QUICK_LOSSES
        if func in AFFINE:
            index = self.calls
            self._affine(*args, **kwargs)
            result = func(*args, **kwargs)
            self.outputs[id(result)] = (index, result)
            if func is F.linear and result.dim() == 2 and result.shape[1] <= FEW_CLASSES:
                self.few.append(index)
        else:
            result = func(*args, **kwargs)
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.numel())
        return result

    def _affine(
        self, input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **named: Any
    ) -> None:
        index, self.calls = self.calls, self.calls + 1
        ours = id(weight) in self.names and (bias is None or id(bias) in self.names)
        if ours and not input.requires_grad:
            bias_name = None if bias is None else self.names[id(bias)]
            self.seen.append(AffineCall(index, self.names[id(weight)], bias_name))


def trace(objective: Objective, base: Mapping[str, Tensor], batch: Any, index: int) -> Trace:
    """Run the batch once at the base and see which layers can be computed ahead.

    Raises:
        SettingError: The loss does not depend on the parameters.
    """
    leaves = {name: p.detach().clone().requires_grad_() for name, p in base.items()}
    tracer = _Tracer({id(p): name for name, p in leaves.items()})
    with torch.enable_grad(), tracer:
        loss = objective.batch_loss(leaves, batch, index)
    if not loss.requires_grad:
        raise SettingError(
            "the loss does not depend on the model's parameters; "
            "compute(model, batch) must use the model it is given"
        )
    # A parameter that is read a second time (tied, or in a penalty) has to have the point's own value.
    once = [
        replace(call, ours=_overwrites(tracer.readers.get(call.index, [])))
        for call in tracer.seen
        if tracer.reads[call.weight] == 1 and (call.bias is None or tracer.reads[call.bias] == 1)
    ]
    across = frozenset(i for i in tracer.few if tracer.readers.get(i) == [F.cross_entropy])
    return Trace(tuple(once), tracer.largest, tracer.quick, across, loss.detach().clone())


def _overwrites(readers: Sequence[Callable[..., Any]]) -> bool:
    """Whether a tensor with these readers has one alone, that may work in its memory."""
    return len(readers) == 1 and (readers[0] in IN_PLACE or readers[0] in IN_PLACE_LOSSES)
