"""A step left out: the weights and the optimizer's state stay exactly as they were.

torch's own optimizers do nothing for parameters without a gradient, so taking the gradients away for the
length of the step leaves everything as it was. Other optimizers may advance counters, decay or fill in zeros
all the same: what they hold is copied before and put back after.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer, SparseAdam


def leaves_alone_without_gradients(optimizer: Optimizer) -> bool:
    """Whether a step without any gradient changes nothing in this optimizer."""
    return type(optimizer).__module__.startswith("torch.optim") and not isinstance(optimizer, LBFGS)


class Snapshot:
    """All that an optimizer's step may change: weights, state, group settings, counters."""

    def __init__(self, optimizer: Optimizer) -> None:
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        self._weights = [(p, p.detach().clone()) for p in weights]
        self._state = {key: _copied(value) for key, value in optimizer.state.items()}
        self._groups = [
            {name: _copied(value) for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]
        self._counters = {
            name: value for name, value in vars(optimizer).items() if isinstance(value, int | float)
        }

    def moved(self) -> bool:
        """Whether a weight has changed since."""
        # By value: many optimizers write through `.data`, which leaves the version counter as it is.
        return not all(torch.equal(p, saved) for p, saved in self._weights)

    def restore(self, optimizer: Optimizer) -> None:
        """Put everything back, in place where a tensor is still the same tensor."""
        with torch.no_grad():
            for p, saved in self._weights:
                if not torch.equal(p, saved):
                    p.copy_(saved)
            for key in list(optimizer.state):
                if key not in self._state:
                    del optimizer.state[key]
            for key, saved in self._state.items():
                optimizer.state[key] = _put_back(optimizer.state.get(key), saved)
            for group, settings in zip(optimizer.param_groups, self._groups, strict=True):
                for name in [name for name in group if name != "params" and name not in settings]:
                    del group[name]
                for name, saved in settings.items():
                    group[name] = _put_back(group.get(name), saved)
        vars(optimizer).update(self._counters)


class HiddenGradients:
    """All gradients of an optimizer, taken away from their parameters until `give_back`."""

    def __init__(self, optimizer: Optimizer) -> None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self._held = [(p, p.grad) for p in parameters]
        for parameter in parameters:
            parameter.grad = None

    def give_back(self) -> None:
        """Return the gradients as they were."""
        for parameter, gradient in self._held:
            parameter.grad = gradient


class UndoOnDevice:
    """Copies of weights and state, put back after the step where a flag on the device says so; no host waits.

    The choice between old and new is made on their bits as integers, new * (not bad) + old * bad: exact for NaN and
    signed zeros too, and one launch for many tensors, which a choice tensor by tensor is not.

    Args:
        optimizer: One that it suits, and whose state already exists.
        bad: Shape (), bool: leave the step out.
    """

    def __init__(self, optimizer: Optimizer, bad: Tensor) -> None:
        written = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for parameter in list(written):
            written += [
                value for value in optimizer.state.get(parameter, {}).values() if isinstance(value, Tensor)
            ]
        self._bad = bad
        # Step counters may live in host memory: they wait until the flag has arrived there.
        near = [tensor for tensor in written if tensor.device.type == bad.device.type]
        away = () if len(near) == len(written) else (t for t in written if t.device.type != bad.device.type)
        self._on_host = [(tensor, tensor.detach().clone()) for tensor in away]
        self._late = LateNumber(bad) if self._on_host else None
        self._saved: list[tuple[list[Tensor], list[Tensor]]] = []
        with torch.no_grad():
            for bits in _by_width(near):
                saved = [torch.empty_like(tensor) for tensor in bits]
                torch._foreach_copy_(saved, bits)
                self._saved.append((bits, saved))

    @staticmethod
    def suits(optimizer: Optimizer) -> bool:
        """Whether all that the optimizer's step changes is in tensors."""
        return leaves_alone_without_gradients(optimizer) and not isinstance(optimizer, SparseAdam)

    def apply(self) -> None:
        """After the step: select old or new on the device."""
        with torch.no_grad():
            for new, old in self._saved:
                bad = self._bad.to(new[0].device, new[0].dtype, non_blocking=True)
                torch._foreach_mul_(new, 1 - bad)
                torch._foreach_mul_(old, bad)
                torch._foreach_add_(new, old)
        self._saved = []

    def apply_on_host(self) -> None:
        """Before the next step: the same for what lies in host memory; the flag came long ago."""
        if self._late is not None and self._late.read(wait=True):
            with torch.no_grad():
                for tensor, saved in self._on_host:
                    tensor.copy_(saved)
        self._on_host = []


class LateNumber:
    """A device number on its way to the host.

    Args:
        number: Shape (), on any device.
    """

    def __init__(self, number: Tensor) -> None:
        self._event: torch.Event | None = None
        if number.device.type == "cpu":
            self._number = number.detach().clone()
        else:
            self._number = torch.empty((), dtype=number.dtype, pin_memory=number.device.type == "cuda")
            self._number.copy_(number, non_blocking=True)
            self._event = torch.Event(number.device)
            self._event.record()

    def read(self, wait: bool = False) -> float | None:
        """The number, or None if it has not arrived and `wait` is false."""
        if self._event is not None and not self._event.query():
            if not wait:
                return None
            self._event.synchronize()
        return float(self._number.numpy())


_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _by_width(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    """The bits of tensors as integers that share their memory, by device and size; without autograd alone."""
    groups: dict[tuple[torch.device, int], list[Tensor]] = {}
    for tensor in tensors:
        # Of a DTensor its own shard.
        plain = tensor.to_local() if type(tensor) is not Tensor and hasattr(tensor, "to_local") else tensor
        plain = torch.view_as_real(plain) if plain.is_complex() else plain
        size = plain.element_size()
        groups.setdefault((plain.device, size), []).append(plain.view(_INTEGERS[size]))
    return list(groups.values())


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return copy.deepcopy(value)


def _put_back(present: Any, saved: Any) -> Any:
    if isinstance(saved, Tensor) and isinstance(present, Tensor) and present.shape == saved.shape:
        return present.copy_(saved)
    if isinstance(saved, dict) and isinstance(present, dict):
        for name in [name for name in present if name not in saved]:
            del present[name]
        for name, item in saved.items():
            present[name] = _put_back(present.get(name), item)
        return present
    return saved
