"""All members of a sweep at once: one forward and one backward for all of them, by torch.func, traced once.

Members differ in their numbers alone (rate, momentum, decay), begin from the same weights and see the same batches.
What one of them does stays in its own row: a member that diverges leaves NaN in it and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_flatten, tree_unflatten

from surefoot.search.updates import Numbers, update_of
from surefoot.training.random_state import kept_random_state
from surefoot.training.task import Task

_Traced = Callable[..., tuple[Tensor, list[Tensor]]]


class _Whole(nn.Module):
    """A model with its loss, so that parameters can be put in for the call."""

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model = model
        self._task = task

    def forward(self, batch: Any) -> Tensor:
        value = self._task(self.model, batch)
        return value.root if value.count is None else value.root / value.count


class Together:
    """Members that train at once.

    Args:
        model: Where each of them begins.
        task: How a batch becomes a loss.
        optimizer: Name of an optimizer that `updates` knows.
        lr: Rate of each member, shape (members,).
        momentum: Of each.
        decay: Of each, by the parameter's name; 0 of those that aren't named.
        traced: What another of the same model has traced, to be used again.

    Raises:
        RuntimeError: Something in the model can't be computed for several members at once; from the first step.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        optimizer: str,
        lr: Sequence[float],
        momentum: Sequence[float],
        decay: Sequence[Mapping[str, float]],
        traced: dict[Any, _Traced] | None = None,
    ) -> None:
        self._whole = _Whole(model, task)
        trained = {f"model.{n}": p for n, p in model.named_parameters() if p.requires_grad}
        self._names = list(trained)
        self._sizes = [p.numel() for p in trained.values()]
        count = len(lr)
        first = next(iter(trained.values()))
        start = torch.cat([p.detach().reshape(-1) for p in trained.values()])
        self.flat = start.expand(count, -1).clone()
        self._views = [
            part.unflatten(1, p.shape) if p.dim() else part.squeeze(1)
            for part, p in zip(self.flat.split(self._sizes, 1), trained.values(), strict=True)
        ]
        self._buffers = {f"model.{n}": b.expand(count, *b.shape).clone() for n, b in model.named_buffers()}

        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=first.dtype, device=first.device).unsqueeze(1)

        each = torch.tensor(
            [[own.get(n.removeprefix("model."), 0.0) for n in self._names] for own in decay],
            dtype=torch.float64,
        )
        decays = each.to(start).repeat_interleave(torch.tensor(self._sizes, device=start.device), 1)
        self._update = update_of(optimizer, Numbers(column(lr), column(momentum), decays))
        self._traced = {} if traced is None else traced

    def losses(self, batch: Any) -> Tensor:
        """Loss of each member, shape (members,); nothing is trained."""
        with torch.no_grad():
            return self._forward(self._views, self._buffers, batch)

    def step(self, batch: Any) -> Tensor:
        """One step of all; the losses before it, shape (members,)."""
        leaves, shape = tree_flatten(batch)
        key = tuple((leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        traced = self._traced.get(key)
        if traced is None:
            traced = self._traced[key] = self._trace(leaves, shape)
        with torch.no_grad():
            losses, gradients = traced(self._views, list(self._buffers.values()), leaves)
            flat = [gradient.reshape(len(losses), -1) for gradient in gradients]
            self._update(self.flat, torch.cat(flat, 1) if len(flat) > 1 else flat[0])
        return losses

    def _trace(self, leaves: list[Any], shape: Any) -> _Traced:
        """Forward and backward as plain operations on tensors: no module is called again."""

        def compute(views: list[Tensor], buffers: list[Tensor], leaves: list[Any]) -> Any:
            parameters = [view.detach().requires_grad_() for view in views]
            named = dict(zip(self._buffers, buffers, strict=True))
            losses = self._forward(parameters, named, tree_unflatten(leaves, shape))
            return losses.detach(), list(torch.autograd.grad(losses.sum(), parameters))

        kept = [buffer.clone() for buffer in self._buffers.values()]  # tracing computes, too
        with torch.enable_grad(), kept_random_state():
            traced: _Traced = make_fx(compute)(self._views, [b.clone() for b in kept], leaves)
        return traced

    def _forward(self, views: Sequence[Tensor], buffers: Mapping[str, Tensor], batch: Any) -> Tensor:
        def one(parameters: list[Tensor], own: dict[str, Tensor]) -> Tensor:
            named = {**dict(zip(self._names, parameters, strict=True)), **own}
            found: Tensor = functional_call(self._whole, named, (batch,))
            return found

        found: Tensor = torch.vmap(one, randomness="same")(list(views), dict(buffers))
        return found
