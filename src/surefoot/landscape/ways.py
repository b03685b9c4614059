"""Ways to evaluate one batch at many points of a plane: one by one, stacked, with layers computed ahead.

A point is base + sum_i c_i d_i over k directions d. An affine layer that reads only the data has the output
base_out + sum_i c_i out_i there, so its matrix product is done once for the base and once a direction
instead of once a point. Shapes: m points, k directions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from surefoot.landscape.objective import Objective
from surefoot.landscape.quick_losses import IN_PLACE_LOSSES, QUICK_LOSSES
from surefoot.landscape.tracing import AFFINE, IN_PLACE, AffineCall, Trace


class _Ahead(TorchFunctionMode):
    """Hands out the outputs computed ahead; takes some losses a quicker way."""

    def __init__(
        self, outputs: Mapping[int, Tensor], across: Collection[int], ours: Sequence[Tensor]
    ) -> None:
        super().__init__()
        self.outputs = outputs
        self.across = across
        self.ours = ours  # outputs whose reader may overwrite them
        self.calls = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func in AFFINE:
            index, self.calls = self.calls, self.calls + 1
            if index in self.outputs:
                return self.outputs[index]
            if index in self.across:
                return _linear_across(*args, **(kwargs or {}))
        quick = QUICK_LOSSES.get(func)
        ours = any(args[0] is value for value in self.ours) if self.ours and args else False
        if quick is not None:
            if ours and func in IN_PLACE_LOSSES:
                return quick(*args, ours=True, **(kwargs or {}))
            return quick(*args, **(kwargs or {}))
        if ours and func in IN_PLACE:
            return IN_PLACE[func](args[0])
        return func(*args, **(kwargs or {}))


class _Recorder(TorchFunctionMode):
    """Keeps the arguments of chosen affine calls."""

    def __init__(self, wanted: Sequence[AffineCall]) -> None:
        super().__init__()
        self.wanted = {call.index for call in wanted}
        self.calls = 0
        self.arguments: dict[int, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func in AFFINE:
            index, self.calls = self.calls, self.calls + 1
            if index in self.wanted:
                self.arguments[index] = (func, tuple(args), dict(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _linear_across(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The layer, with the outputs of one class side by side in memory, as a quick cross-entropy reads them."""
    across = weight @ input.t() if bias is None else torch.addmm(bias.unsqueeze(1), weight, input.t())
    return across.t()


class PlaneBatch:
    """One batch, made ready for many points of one plane.

    Args:
        objective: The function.
        base: Parameters at coefficients zero.
        directions: One mapping a direction; parameters that it does not move are left out.
        ahead: What the trace showed, to compute ahead what can be; None for plain forward passes.
    """

    def __init__(
        self,
        objective: Objective,
        base: Mapping[str, Tensor],
        directions: Sequence[Mapping[str, Tensor]],
        batch: Any,
        index: int,
        ahead: Trace | None = None,
    ) -> None:
        self.objective, self.batch, self.index = objective, batch, index
        self.base = dict(base)
        self.directions = directions
        self.outputs: dict[int, list[Tensor | None]] = {}
        self.ahead = ahead is not None
        self.buffers: dict[int, Tensor] = {}  # of one point
        self.chunks: dict[int, Tensor] = {}  # of a stacked chunk
        self.across = ahead.across if ahead is not None else frozenset()
        calls = ahead.affine if ahead is not None else ()
        if calls:
            self._compute_ahead(calls)
        self.ours = [call.index for call in calls if call.ours]
        replaced = {name for call in calls for name in (call.weight, call.bias) if name is not None}
        still = all(p is objective.base[n] for n, p in base.items() if n not in replaced)
        self.moved = [n for n in base if n not in replaced and any(n in d for d in directions)]
        # Nothing but replaced layers moves: the copy can run as it is.
        self.bare = still and not self.moved and objective.mode == "eval" and not objective.stochastic

    def _compute_ahead(self, ahead: Sequence[AffineCall]) -> None:
        recorder = _Recorder(ahead)
        with torch.no_grad(), recorder:
            self.objective.batch_loss(self.base, self.batch, self.index)
        for call in ahead:
            func, args, kwargs = recorder.arguments[call.index]
            outputs: list[Tensor | None] = []
            with torch.no_grad():
                for source in (self.base, *self.directions):
                    outputs.append(_affine_output(func, args, kwargs, call, source, self.base))
            self.outputs[call.index] = outputs

    @cached_property
    def point_spans(self) -> dict[str, _Span]:
        """Each moved parameter over the plane."""
        return {n: _Span(self.base[n], [d.get(n) for d in self.directions]) for n in self.moved}

    @cached_property
    def output_spans(self) -> dict[int, _Span]:
        """Each output computed ahead, over the plane."""
        return {i: _Span(base, steps) for i, (base, *steps) in self.outputs.items()}

    # -- one by one --------------------------------------------

    def loop(self, coefficients: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """Losses (m,) and slopes (m, k), point by point."""
        if slopes:
            return self._loop_with_slopes(coefficients)
        losses = []
        shared: tuple[float, ...] | None = None
        row: dict[str, Tensor] = {}
        row_outputs: dict[int, Tensor] = {}
        with torch.no_grad():
            for first, *rest in coefficients.tolist():
                if shared != tuple(rest):  # points of a row differ in the first coefficient only
                    shared = tuple(rest)
                    row = {
                        n: self._partial(self.base[n], [d.get(n) for d in self.directions], rest)
                        for n in self.moved
                    }
                    row_outputs = {i: self._partial(o[0], o[1:], rest) for i, o in self.outputs.items()}
                point = dict(self.base)
                along = self.directions[0]
                for name, value in row.items():
                    point[name] = torch.add(value, along[name], alpha=first) if name in along else value
                ready = {}
                for i, value in row_outputs.items():
                    step = self.outputs[i][1]
                    if step is None:
                        ready[i] = value.clone()
                    else:
                        ready[i] = torch.add(value, step, alpha=first, out=self._buffer(i, value))
                loss = self._loss(point, ready, [ready[i] for i in self.ours])
                losses.append(loss.clone())  # it may be a view of a buffer
        return torch.stack(losses), None

    def _buffer(self, index: int, like: Tensor) -> Tensor:
        # One buffer for all points: fresh memory of this size costs more than the arithmetic.
        if index not in self.buffers:
            self.buffers[index] = torch.empty_like(like)
        return self.buffers[index]

    @staticmethod
    def _partial(base: Tensor | None, steps: Sequence[Tensor | None], rest: Sequence[float]) -> Tensor:
        assert base is not None
        for step, factor in zip(steps[1:], rest, strict=True):
            if step is not None:
                base = torch.add(base, step, alpha=factor)
        return base

    def _loop_with_slopes(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        losses, slopes = [], []
        with torch.enable_grad():
            for row in coefficients:
                c = row.detach().clone().requires_grad_()
                loss = self._at(c)
                (slope,) = torch.autograd.grad(loss, c, materialize_grads=True)
                losses.append(loss.detach())
                slopes.append(slope)
        return torch.stack(losses), torch.stack(slopes)

    # -- stacked --------------------------------------------

    def stacked(self, coefficients: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """The same, all points of the chunk at once under vmap."""
        if not slopes:
            with torch.no_grad():
                return self._stacked(coefficients), None
        with torch.enable_grad():
            c = coefficients.detach().clone().requires_grad_()
            losses = self._stacked(c)
            (slope,) = torch.autograd.grad(losses.sum(), c, materialize_grads=True)
        return losses.detach(), slope

    def _stacked(self, c: Tensor) -> Tensor:
        points = {n: span.at(c) for n, span in self.point_spans.items()}
        outputs = {}
        for i, span in self.output_spans.items():
            room = None
            if not c.requires_grad:
                shape = torch.Size((len(c), span.row.shape[1]))
                if i not in self.chunks or self.chunks[i].shape != shape:
                    self.chunks[i] = span.row.new_empty(shape)
                room = self.chunks[i]
            outputs[i] = span.at(c, room)

        def at(point: dict[str, Tensor], ready: dict[int, Tensor]) -> Tensor:
            return self._loss(
                self.base | point, ready, [] if c.requires_grad else [ready[i] for i in self.ours]
            )

        return torch.func.vmap(at, randomness="same")(points, outputs)

    # -- one point --------------------------------------------

    def _at(self, c: Tensor) -> Tensor:
        point = {n: span.at(c[None])[0] for n, span in self.point_spans.items()}
        ready = {i: span.at(c[None])[0] for i, span in self.output_spans.items()}
        return self._loss(self.base | point, ready)

    def _loss(
        self, point: Mapping[str, Tensor], ready: Mapping[int, Tensor], ours: Sequence[Tensor] = ()
    ) -> Tensor:
        if not self.ahead:
            return self.objective.batch_loss(point, self.batch, self.index)
        with _Ahead(ready, self.across, ours):
            if self.bare:
                return self.objective.computation(self.batch)  # type: ignore[no-any-return]
            return self.objective.batch_loss(point, self.batch, self.index)


class _Span:
    """base + sum_i c_i step_i for any rows of coefficients c, as one matrix product."""

    def __init__(self, base: Tensor | None, steps: Sequence[Tensor | None]) -> None:
        assert base is not None
        self.shape = base.shape
        self.base = base
        self.row = base.reshape(1, -1)
        moving = [i for i, step in enumerate(steps) if step is not None]
        self.columns = moving if len(moving) < len(steps) else None  # None: all
        self.steps = torch.stack([step.reshape(-1) for step in steps if step is not None]) if moving else None

    def at(self, c: Tensor, out: Tensor | None = None) -> Tensor:
        """Shape (m, *base.shape) for coefficients of shape (m, k); `out` of shape (m, entries) gives the memory."""
        if self.steps is None:
            return self.base.expand(len(c), *self.shape).clone()  # the model may change it in place
        c = c if self.columns is None else c[:, self.columns]
        points = torch.addmm(self.row, c.to(self.row.dtype), self.steps, out=out)
        return points.view(len(c), *self.shape)


def _affine_output(
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    call: AffineCall,
    source: Mapping[str, Tensor],
    base: Mapping[str, Tensor],
) -> Tensor | None:
    """The layer's output with the parameters of `source`; None where a direction does not move them."""
    weight = source.get(call.weight)
    bias = None if call.bias is None else source.get(call.bias)
    if weight is None and bias is None:
        return None
    names = ("input", "weight", "bias")
    given = dict(zip(names, args, strict=False)) | {k: v for k, v in kwargs.items() if k in names}
    given["weight"] = torch.zeros_like(base[call.weight]) if weight is None else weight
    given["bias"] = bias
    rest = {k: v for k, v in kwargs.items() if k not in names}
    return func(given["input"], given["weight"], given["bias"], *args[3:], **rest)  # type: ignore[no-any-return]
