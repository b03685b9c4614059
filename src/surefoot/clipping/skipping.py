"""A step left out: the weights and the optimizer's state stay exactly as they were.

torch's own optimizers do nothing for parameters without a gradient, so taking the gradients away for the
length of the step leaves everything as it was. Other optimizers may advance counters, decay or fill in zeros
all the same: what they hold is copied before and put back after.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer


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
    """Gradients taken away from their parameters until `give_back`."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self._held = [(p, p.grad) for p in parameters]
        for parameter in parameters:
            parameter.grad = None

    def give_back(self) -> None:
        """Return the gradients as they were."""
        for parameter, gradient in self._held:
            parameter.grad = gradient


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
