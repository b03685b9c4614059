"""The function whose landscape is drawn: mean loss of a model over data, at any parameters.

An `Objective` works on a copy of the model, so the user's own is never moved: not its parameters, buffers,
modes, gradients or requires_grad flags. Whatever it computes runs inside `undisturbed()`, which puts the
random state back.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.data import DataLoader, Dataset

from surefoot.errors import SettingError

Mode = Literal["eval", "train", "as is"]
Compute = Callable[[nn.Module, Any], Tensor]
State = Mapping[str, Tensor]


class _Computation(nn.Module):
    """The model and what is computed with it, as one module for `functional_call`."""

    def __init__(self, model: nn.Module, compute: Compute) -> None:
        super().__init__()
        self.model = model
        self.compute = compute

    def forward(self, batch: Any) -> Tensor:
        loss = self.compute(self.model, batch)
        if not isinstance(loss, Tensor) or loss.dim() != 0:
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise SettingError(
                f"the loss must be one number a batch, not {shape}; use a reduction such as mean"
            )
        return loss


class Objective:
    """Mean loss of a model over data, as a function of its trainable parameters.

    Args:
        model: Any module. A copy is used; wrappers of torch.compile and DDP are taken off.
        loss: `loss(output, target)` for batches `(inputs, target)`; not needed with `compute`.
        data: One batch (a tuple or dict of tensors), a list of batches, a DataLoader, a Dataset, or any
            iterable that can be walked again. None only with `compute`.
        compute: `compute(model, batch)` returns the loss of a batch; for other models or batches.
        mode: "eval": dropout off, batch norm by its running statistics. "train": dropout with one fixed mask
            a batch at every point, batch norm by each batch's own statistics; the running ones stay. "as
            is": each module as it stands.
        seed: Of everything random: dropout masks, the loader's order.

    Raises:
        SettingError: Nothing to compute, no parameter to move, data that can be walked only once.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 3.0)
        >>> objective = Objective(model, nn.functional.mse_loss, (torch.ones(4, 1), torch.ones(4, 1)))
        >>> objective.loss_at(objective.center)
        4.0
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor] | None = None,
        data: Any = None,
        *,
        compute: Compute | None = None,
        mode: Mode = "eval",
        seed: int = 0,
    ) -> None:
        if compute is None:
            if loss is None or data is None:
                raise SettingError("a landscape needs a loss and data; pass loss and data, or compute")
            compute = _supervised(loss)
        if mode not in ("eval", "train", "as is"):
            raise SettingError(f'mode is {mode!r}; choose "eval", "train" or "as is"')
        self.mode: Mode = mode
        self.seed = seed
        self.summed = getattr(loss, "reduction", "mean") == "sum"
        module = _copied(_unwrapped(model))
        if mode != "as is":
            module.train(mode == "train")
        self.computation = _Computation(module, compute)
        self.data = _walkable(data)
        named = [(name, p) for name, p in module.named_parameters() if p.is_floating_point()]
        moving = [(name, p) for name, p in named if p.requires_grad] or named
        if not moving:
            raise SettingError(
                f"{type(module).__name__} has no parameter to move; a landscape needs at least one"
            )
        self.names = tuple(name for name, _ in moving)
        self.base: dict[str, Tensor] = {name: p.detach() for name, p in moving}
        known = {id(p): name for name, p in moving}
        every = module.named_parameters(remove_duplicate=False)
        self.places = {
            f"model.{name}": known[id(p)] for name, p in every if id(p) in known
        }  # tied ones have several
        self.sizes = tuple(p.numel() for p in self.base.values())
        self.buffers: dict[str, Tensor] = {f"model.{n}": b.clone() for n, b in module.named_buffers()}
        self._slots = _slots(self.computation, (*self.places, *self.buffers))
        self.device = next(iter(self.base.values())).device
        self.examples = 0  # counted as the data are walked
        self.stochastic = True  # until a trace has shown that a forward pass draws no random number

    # -- vectors --------------------------------------------

    @property
    def size(self) -> int:
        """How many scalars move."""
        return sum(self.sizes)

    @property
    def center(self) -> Tensor:
        """The trained point as one vector, shape (size,)."""
        return self.flat(self.base)

    @property
    def layout(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """(name, shape) of each moving parameter, in the vector's order."""
        return tuple((name, tuple(p.shape)) for name, p in self.base.items())

    def flat(self, state: State) -> Tensor:
        """The vector of a state dict (or the like) that names every moving parameter.

        Raises:
            SettingError: A parameter is missing or has another shape.
        """
        parts = []
        for name, p in self.base.items():
            value = state.get(name)
            if value is None or value.shape != p.shape:
                have = "missing" if value is None else f"of shape {tuple(value.shape)}"
                raise SettingError(
                    f"{name} is {have} in the checkpoint, the model has it of shape {tuple(p.shape)}; "
                    "pass a state of the same model"
                )
            parts.append(value.detach().to(self.device).reshape(-1))
        return torch.cat(parts)

    def unflat(self, vector: Tensor) -> dict[str, Tensor]:
        """Named tensors of a vector, as views in each parameter's own dtype."""
        if vector.numel() != self.size:
            raise SettingError(f"a vector of {vector.numel()} entries does not fit {self.size} parameters")
        parts = vector.split(self.sizes)
        return {n: part.view_as(p).to(p.dtype) for (n, p), part in zip(self.base.items(), parts, strict=True)}

    def position_of(self, scalar: str) -> int:
        """Index in the vector of a scalar such as "fc1.weight[3, 0]" or "bias" (one entry).

        Raises:
            SettingError: No such parameter, or an index outside it.
        """
        name, _, rest = scalar.partition("[")
        name = name.strip()
        if name not in self.base:
            raise SettingError(f"no parameter {name!r} to move; there are {', '.join(self.names)}")
        shape = self.base[name].shape
        try:
            index = tuple(int(i) for i in rest.rstrip("] ").split(",")) if rest else (0,) * len(shape)
            if not rest and self.base[name].numel() != 1:
                raise IndexError
            inside = int(np.ravel_multi_index(index, tuple(shape))) if shape else 0
        except (ValueError, IndexError) as error:
            example = ", ".join(["0"] * len(shape))
            raise SettingError(
                f"{scalar!r} names no scalar of {name}, whose shape is {tuple(shape)}; "
                f"write {name}[{example}]"
            ) from error
        return sum(self.sizes[: self.names.index(name)]) + inside

    @property
    def length(self) -> int | None:
        """How many batches, if the data say."""
        return len(self.data) if isinstance(self.data, Sized) else None

    # -- values --------------------------------------------

    def batches(self) -> Iterator[tuple[Any, float]]:
        """Each batch on the model's device with its weight: its examples, or 1 for a summed loss."""
        # A loader that shuffles, or draws augmentations from any generator, then gives the same on every walk.
        random.seed(self.seed)
        np.random.seed(self.seed % 2**32)
        seed_all(self.seed, self.device)
        total = 0
        for batch in self.data:
            moved = _to_device(batch, self.device)
            count = _examples(moved)
            total += count
            yield moved, 1.0 if self.summed else float(count)
        if total == 0:
            raise SettingError("the data hold no batch; a landscape needs at least one")
        self.examples = total

    def batch_loss(self, parameters: Mapping[str, Tensor], batch: Any, index: int = 0) -> Tensor:
        """Loss of one batch at the given parameters; differentiable, the same dropout masks every time."""
        if self.stochastic:
            seed_all(self.seed + 1 + index, self.device)
        if self._slots is None:
            state: dict[str, Tensor] = {place: parameters[name] for place, name in self.places.items()}
            result: Tensor = functional_call(
                self.computation, state | self._own_buffers(), (batch,), tie_weights=False
            )
            return result
        # The copy is ours, so its tensors may be exchanged by hand: functional_call takes longer than a small model.
        kept = [(slots, key, slots[key]) for slots, key, _ in self._slots]
        own = self._own_buffers()
        try:
            for slots, key, place in self._slots:
                slots[key] = own[place] if place in own else parameters[self.places[place]]
            result = self.computation(batch)
        finally:
            for slots, key, value in kept:
                slots[key] = value
        return result

    def _own_buffers(self) -> dict[str, Tensor]:
        """Buffers for one evaluation: batch norm in training mode writes into them."""
        if self.mode == "eval":
            return self.buffers
        return {place: value.clone() for place, value in self.buffers.items()}

    def loss_at(self, vector: Tensor) -> float:
        """Loss over all data at one point."""
        total, weights = 0.0, 0.0
        with undisturbed(self.data), torch.no_grad():
            parameters = self.unflat(vector)
            for index, (batch, weight) in enumerate(self.batches()):
                total += weight * self.batch_loss(parameters, batch, index).item()
                weights += weight
        return total if self.summed else total / weights

    def gradient_at(self, vector: Tensor) -> tuple[float, Tensor]:
        """Loss over all data and its gradient, shape (size,), at one point."""
        total, weights, gradient = 0.0, 0.0, torch.zeros_like(vector)
        with undisturbed(self.data), torch.enable_grad():
            for index, (batch, weight) in enumerate(self.batches()):
                point = vector.detach().clone().requires_grad_()
                loss = self.batch_loss(self.unflat(point), batch, index)
                (slope,) = torch.autograd.grad(loss, point, materialize_grads=True)
                gradient += weight * slope
                total += weight * loss.item()
                weights += weight
        scale = 1.0 if self.summed else weights
        return total / scale, gradient / scale

    def settings(self) -> dict[str, Any]:
        """What a record says of how it was computed."""
        return {"mode": self.mode, "seed": self.seed, "examples": self.examples, "parameters": self.size}


def seed_all(seed: int, device: torch.device) -> None:
    """Seed torch's generators of the host and of the device, in a tenth of `torch.manual_seed`'s time."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type != "cpu":
        torch.manual_seed(seed)


@contextmanager
def undisturbed(data: Any = None) -> Iterator[None]:
    """Put every random state back on leaving: torch's, numpy's, random's and the loader's own."""
    generators = [
        g
        for holder in (data, getattr(data, "sampler", None), getattr(data, "batch_sampler", None))
        if isinstance(g := getattr(holder, "generator", None), torch.Generator)
    ]
    states = [g.get_state() for g in generators]
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def _slots(computation: nn.Module, places: Iterable[str]) -> list[tuple[dict[str, Any], str, str]] | None:
    """Where each named tensor is kept: (dictionary, key, name); None for modules that keep theirs elsewhere too."""
    modules = dict(computation.named_modules(remove_duplicate=False))
    if any(isinstance(module, nn.RNNBase) for module in modules.values()):
        return None
    found = []
    for place in places:
        owner, _, key = place.rpartition(".")
        held = modules[owner]._parameters if key in modules[owner]._parameters else modules[owner]._buffers
        found.append((held, key, place))
    return found


def _supervised(loss: Callable[[Tensor, Tensor], Tensor]) -> Compute:
    def compute(model: nn.Module, batch: Any) -> Tensor:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            kind = type(batch).__name__
            raise SettingError(
                f"a batch must be (inputs, target), not {kind}; pass compute(model, batch) instead"
            )
        return loss(model(batch[0]), batch[1])

    return compute


def _unwrapped(model: nn.Module) -> nn.Module:
    model = getattr(model, "_orig_mod", model)  # torch.compile
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    return model


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise SettingError(
            f"{type(model).__name__} cannot be copied ({error}), and a landscape never moves your own; "
            "pass one that copy.deepcopy takes"
        ) from error


def _walkable(data: Any) -> Iterable[Any]:
    if data is None:
        return [None]
    if isinstance(data, (dict, Tensor)) or (
        isinstance(data, tuple) and any(isinstance(d, Tensor) for d in data)
    ):
        return [data]
    if isinstance(data, Dataset) and not hasattr(data, "__iter__"):
        return DataLoader(data, batch_size=1024)
    if hasattr(data, "__next__") or not hasattr(data, "__iter__"):
        raise SettingError(
            f"data is a {type(data).__name__}, which cannot be walked again; "
            "pass a DataLoader or list(batches)"
        )
    return data  # type: ignore[no-any-return]


def _to_device(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _to_device(item, device) for key, item in value.items()}
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(_to_device(item, device) for item in value)
    return value


def _examples(batch: Any) -> int:
    if isinstance(batch, Tensor):
        return len(batch) if batch.dim() else 1
    items: list[Any] = []
    if isinstance(batch, dict):
        items = list(batch.values())
    elif isinstance(batch, (tuple, list)):
        items = list(batch)
    return next((_examples(item) for item in items if isinstance(item, (Tensor, dict, tuple, list))), 1)
