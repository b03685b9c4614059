"""A loss computed again from the tape: which calls led to it, and the same calls on a copy of the model."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from surefoot.capture.losses import FUNCTIONS
from surefoot.capture.tape import Call, Constant, Leaf, Result, Unknown, tensors_of
from surefoot.errors import ScriptError


class Gathered(nn.Module):
    """What a loss depends on where that is not one model: several models, or bare tensors."""


@dataclass(eq=False)
class Program:
    """The calls that led from parameters and data to one loss.

    Args:
        roots: Where the loss came from; their values are added up.
        value: The loss as the script had it, shape ().
        held: Ids of what optimizers hold; None where there is no optimizer.
        calls: In the order in which they ran.
        leaves: Parameters read outside of models, in order of first use.
        modules: Models called, in order of first call, wrappers of torch.compile taken off.
        constants: Tensors that hang on nothing trainable.
        inputs: Tensors that require gradients and are moved by no optimizer.
    """

    roots: list[Result | Leaf]
    value: Tensor
    held: frozenset[int] | None = None
    calls: list[Call] = field(init=False)
    leaves: list[Tensor] = field(init=False)
    modules: list[nn.Module] = field(init=False)
    constants: list[Constant] = field(init=False)
    inputs: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[int, Call] = {}
        waiting = [root.call for root in self.roots if isinstance(root, Result)]
        while waiting:
            call = waiting.pop()
            if call.number not in found:
                found[call.number] = call
                waiting += [leaf.call for leaf in call.leaves if isinstance(leaf, Result)]
        self.calls = [found[number] for number in sorted(found)]
        arguments = [leaf for call in self.calls for leaf in call.leaves]
        roots = [root for root in self.roots if isinstance(root, Leaf)]
        self.constants = [leaf for leaf in arguments if isinstance(leaf, Constant)]
        self.modules = _distinct([unwrapped(call.module) for call in self.calls if call.module is not None])
        moving = set(self.held or ()) | {id(p) for module in self.modules for p in module.parameters()}
        # Inputs may require gradients too, for a penalty on them; no optimizer moves those.
        every = _distinct([leaf.tensor for leaf in (*arguments, *roots) if isinstance(leaf, Leaf)])
        self.leaves = [leaf for leaf in every if self.held is None or id(leaf) in moving]
        own = {id(leaf) for leaf in self.leaves}
        self.inputs = [leaf for leaf in every if id(leaf) not in own]

    @property
    def trouble(self) -> str | None:
        """Why the loss cannot be computed again, if it cannot."""
        for call in self.calls:
            if any(isinstance(leaf, Unknown) for leaf in call.leaves):
                name = type(call.module).__name__ if call.module is not None else call.function.__name__
                return (
                    f"what enters {name} was computed where it cannot be seen (such as an autograd.Function)"
                )
        if not all(constant.intact for constant in self.constants):
            return "the script has since written into the tensors that hold its data"
        return None

    @property
    def differentiates(self) -> bool:
        """Whether the loss has a gradient in it, as a gradient penalty has."""
        functions = [getattr(call.function, "__wrapped__", call.function) for call in self.calls]
        return torch.autograd.grad in functions

    @property
    def key(self) -> tuple[tuple[int, int], ...]:
        """The same for two programs over the same data."""
        data = [(constant.tensor, constant.version) for constant in self.constants]
        data += [(tensor, tensor._version) for tensor in self.inputs]
        return tuple((id(tensor), version) for tensor, version in data)

    @property
    def examples(self) -> int:
        """How many examples the loss is of: the targets of its loss functions, else the length that its data share."""
        targets = [target for call in self.calls if (target := _target(call)) is not None]
        if targets:
            return sum(map(_length, targets))
        data = [tensor for tensor in self._data() if tensor.dim()]
        (length, times), *_ = Counter(len(tensor) for tensor in data).most_common(1) or [(1, 0)]
        # A lone vector is one example; so is one beside a number.
        return length if times > 1 or any(tensor.dim() > 1 for tensor in data) else 1

    def batch(self) -> dict[str, Any]:
        """What `compute` takes; how many examples that is, first."""
        return {"count": torch.empty(self.examples, 0), "tensors": self._data(), "program": self}

    def _data(self) -> list[Tensor]:
        return [*(constant.tensor for constant in self.constants), *self.inputs]


def _target(call: Call) -> Tensor | None:
    """What a call of a loss function holds its first argument against; None for any other call."""
    loss = getattr(call.function, "__name__", None) in FUNCTIONS or isinstance(
        call.module, nn.modules.loss._Loss
    )
    tensors = [leaf.tensor for leaf in call.leaves if isinstance(leaf, Constant)]
    return tensors[0] if loss and tensors else None


def _length(tensor: Tensor) -> int:
    return len(tensor) if tensor.dim() else 1


class Replay:
    """Computes programs on a model or a copy of it.

    Args:
        model: Holds every module and parameter of the programs.
        names: Name in the model of each bare leaf, by its place among a program's leaves.
    """

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        self._paths = {id(module): path for path, module in model.named_modules(remove_duplicate=False)}
        self._names = list(names)

    def compute(self, model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
        """The loss of one batch, as `Objective` wants it."""
        return self.run(model, batch["program"], batch["tensors"])

    def exactly(self, model: nn.Module, program: Program) -> Tensor:
        """The loss with every module in the mode, and every generator in the state, that the script had."""
        return self.run(model, program, [constant.tensor for constant in program.constants], as_it_was=True)

    def run(
        self, model: nn.Module, program: Program, constants: Sequence[Tensor], as_it_was: bool = False
    ) -> Tensor:
        """The loss of a program with its constants, which may be on another device."""
        wanted = torch.is_grad_enabled()
        with torch.set_grad_enabled(wanted or program.differentiates):
            loss = self._run(model, program, constants, as_it_was)
        return loss if wanted else loss.detach()

    def _run(
        self, model: nn.Module, program: Program, constants: Sequence[Tensor], as_it_was: bool
    ) -> Tensor:
        data = iter(constants)
        leaves = {id(p): _get(model, name) for p, name in zip(program.leaves, self._names, strict=True)}
        values: dict[tuple[int, int], Tensor] = {}

        def value(leaf: Any) -> Any:
            if isinstance(leaf, Result):
                return values[leaf.call.number, leaf.position]
            if isinstance(leaf, Leaf):
                return leaves.get(id(leaf.tensor), leaf.tensor)
            return next(data) if isinstance(leaf, Constant) else leaf

        for call in program.calls:
            flat = [value(leaf) for leaf in call.leaves]
            if call.in_place and isinstance(call.leaves[0], Constant):
                flat[0] = flat[0].clone()
            args, kwargs = pytree.tree_unflatten(flat, call.structure)
            with _autocast(call):
                if call.module is None:
                    result = call.function(*args, **kwargs)
                    if call.function.__name__ == "__setitem__":
                        result = args[0]
                else:
                    module = self._module(model, call)
                    if as_it_was:
                        _as_it_was(module, call)
                    result = module(*args, **kwargs)
            for position, tensor in enumerate(tensors_of(result)):
                values[call.number, position] = tensor
        total: Tensor | None = None
        for root in program.roots:
            part = value(root)
            total = part if total is None else total + part
        assert total is not None
        return total.reshape(())

    def _module(self, model: nn.Module, call: Call) -> nn.Module:
        assert call.module is not None
        inner = unwrapped(call.module)
        path = self._paths.get(id(inner))
        if path is not None:
            return model.get_submodule(path)
        if any(True for _ in inner.parameters()):
            raise ScriptError(
                f"{type(inner).__name__} was called at some steps only, so the loss has two forms."
            )
        return inner  # a loss or an activation, which holds nothing that moves


def gathered(program: Program, name: Callable[[Tensor, int], str]) -> tuple[nn.Module, list[str]]:
    """One module with all that a program depends on, and the name in it of each bare leaf.

    Args:
        program: Any of those that are to be computed.
        name: Gives a bare leaf, and its place among them, a name.
    """
    models = _outermost([m for m in program.modules if any(True for _ in m.parameters())])
    owned = {id(p): (m, path) for m in models for path, p in m.named_parameters()}
    if len(models) == 1 and all(id(leaf) in owned for leaf in program.leaves):
        return models[0], [owned[id(leaf)][1] for leaf in program.leaves]
    whole = Gathered()
    for model in models:
        whole.add_module(_free(whole, type(model).__name__.lower()), model)
    paths = {id(p): path for path, p in whole.named_parameters()}
    names = []
    for position, leaf in enumerate(program.leaves):
        path = paths.get(id(leaf))
        if path is None:
            path = _free(whole, "".join(c if c.isalnum() else "_" for c in name(leaf, position)))
            whole.register_parameter(path, nn.Parameter(leaf.detach()))  # shares its memory
        names.append(path)
    return whole, names


def point_again(model: nn.Module, program: Program, names: Sequence[str]) -> None:
    """Let the bare leaves of a gathered model share the memory of a later program's."""
    if isinstance(model, Gathered):
        for leaf, name in zip(program.leaves, names, strict=True):
            if "." not in name:
                getattr(model, name).data = leaf.detach()


def unwrapped(module: nn.Module) -> nn.Module:
    """The model inside torch.compile's and DDP's wrappers."""
    module = getattr(module, "_orig_mod", module)
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        module = module.module
    return module


def _outermost(modules: list[nn.Module]) -> list[nn.Module]:
    inner = {id(part) for module in modules for part in module.modules() if part is not module}
    return [module for module in modules if id(module) not in inner]


def _distinct(items: Sequence[Any]) -> list[Any]:
    return list({id(item): item for item in items}.values())


def _free(whole: nn.Module, name: str) -> str:
    name = (
        name if name and not hasattr(whole, name) else f"{name or 'tensor'}_{len(list(whole.children())) + 1}"
    )
    while hasattr(whole, name):
        name += "_"
    return name


def _get(model: nn.Module, path: str) -> Tensor:
    owner, _, name = path.rpartition(".")
    tensor: Tensor = getattr(model.get_submodule(owner), name)
    return tensor


def _autocast(call: Call) -> contextlib.AbstractContextManager[Any]:
    if call.autocast is None:
        return contextlib.nullcontext()
    device, dtype = call.autocast
    # Its cache of cast weights would outlive the point that they belong to.
    return torch.autocast(device, dtype, cache_enabled=False)


def _as_it_was(module: nn.Module, call: Call) -> None:
    for inner, training in zip(module.modules(), call.modes, strict=False):
        inner.training = training
    if call.random:
        torch.set_rng_state(call.random[0])
        if len(call.random) > 1:
            torch.cuda.set_rng_state_all(call.random[1:])
