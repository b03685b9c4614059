"""Every parameter tensor that capture meets: its column, its name, who holds it, whether a gradient reaches it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from types import FrameType

from torch import Tensor, nn

from surefoot.capture.graph.loss_graph import leaves
from surefoot.records import ParameterInfo


class _Entry:
    __slots__ = (
        "called",
        "descended",
        "in_model",
        "module",
        "name",
        "optimizer",
        "reached",
        "received",
        "ref",
    )

    def __init__(self, tensor: Tensor) -> None:
        self.ref = weakref.ref(tensor)
        self.name = ""
        self.module = ""
        self.optimizer: int | None = None
        self.in_model = False
        self.called = False
        self.descended = False
        self.reached = False
        self.received = 0


class Parameters:
    """Registry of parameters in order of first sight; a column once given stays."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._index: dict[int, int] = {}
        self._known: dict[int, ParameterInfo] = {}
        self._last: dict[int, ParameterInfo] = {}  # of tensors that may be gone
        self._again = False
        self._standing_for: dict[int, tuple[weakref.ref[Tensor], weakref.ref[Tensor]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def index_of(self, tensor: Tensor) -> int:
        """Column of a tensor, given to it now if it has none."""
        found = self._index.get(id(tensor))
        if found is not None and self._entries[found].ref() is tensor:
            return found
        held = self.held(tensor)
        if held is not tensor:
            return self.index_of(held)
        self._entries.append(_Entry(tensor))
        index = self._index[id(tensor)] = len(self._entries) - 1
        return index

    def seen(self, tensor: Tensor) -> bool:
        """Whether the tensor has a column."""
        found = self._index.get(id(tensor))
        return found is not None and self._entries[found].ref() is tensor

    def pair(self, found: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Let the first of each two, which the graph shows, stand for the second, which model and optimizer hold."""
        self._standing_for.update((id(a), (weakref.ref(a), weakref.ref(b))) for a, b in found)

    def held(self, leaf: Tensor) -> Tensor:
        """What model and optimizer hold where the graph shows `leaf`: nearly always the same."""
        standing = self._standing_for.get(id(leaf))
        held = standing[1]() if standing is not None and standing[0]() is leaf else None
        return leaf if held is None else held

    def behind(self, root: Tensor) -> list[Tensor]:
        """What of it a loss's gradient reaches."""
        return [self.held(leaf) for leaf in leaves(root)]

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Let `new` take the column of `old`: descent by hand often makes a new leaf for each step."""
        index = self.index_of(old)
        self._entries[index].ref = weakref.ref(new)
        self._index[id(new)] = index

    def descended(self, indices: Iterable[int], tensors: Iterable[Tensor]) -> None:
        """Note what stands in these columns now and was differentiated by, whatever its own flags say."""
        for index, tensor in zip(indices, tensors, strict=True):
            entry = self._entries[index]
            entry.ref = weakref.ref(tensor)
            entry.descended = entry.reached = entry.called = True
            entry.received += 1

    def name_columns(self, indices: Iterable[int], names: Iterable[str]) -> None:
        """Name the columns that have no name yet."""
        for index, name in zip(indices, names, strict=True):
            self._entries[index].name = self._entries[index].name or name

    def held_by(self, tensors: Iterable[Tensor], optimizer: int) -> list[int]:
        """Columns of the tensors that an optimizer holds."""
        indices = [self.index_of(tensor) for tensor in tensors]
        for index in indices:
            self._entries[index].optimizer = optimizer
        return indices

    def optimizer_of(self, tensor: Tensor) -> int | None:
        """The optimizer that holds a tensor, if any."""
        return self._entries[self._index[id(tensor)]].optimizer if self.seen(tensor) else None

    def reached(self, tensors: Iterable[Tensor]) -> None:
        """Note the leaves that a loss's gradient reaches."""
        for tensor in tensors:
            self._entries[self.index_of(tensor)].reached = True

    def received(self, indices: Iterable[int]) -> None:
        """Note the columns that held a gradient at a step."""
        for index in indices:
            self._entries[index].received += 1

    def name_from(self, model: nn.Module, called: set[int]) -> None:
        """Take names from an outermost module; `called` are the ids of modules that ran."""
        for prefix, module in model.named_modules():
            for short, tensor in module.named_parameters(recurse=False):
                if not self.seen(tensor):
                    if not called:
                        continue
                    self.index_of(tensor)
                entry = self._entries[self.index_of(tensor)]
                if not entry.name or not entry.in_model:
                    entry.name = f"{prefix}.{short}" if prefix else short
                entry.module = type(module).__name__
                entry.in_model = True
                entry.called |= id(module) in called

    def name_unregistered(self, label: str, module: nn.Module) -> None:
        """Name the parameters of a module that runs inside a model but is not registered in it."""
        for short, tensor in module.named_parameters():
            entry = self._entries[self.index_of(tensor)]
            entry.called = True
            if not entry.name:
                entry.name = f"{label}.{short}"
                entry.module = type(module).__name__

    def name_from_variables(self, frame: FrameType | None) -> None:
        """Name bare tensors by the variables of the user's own frame that hold them, or hold a module with them."""
        if frame is None or all(entry.name for entry in self._entries):
            return
        for variables in (frame.f_locals, frame.f_globals):
            for variable, value in list(variables.items()):
                if isinstance(value, Tensor):
                    self._name(value, variable)
                elif isinstance(value, nn.Module):
                    self._name_inside(value)
                elif isinstance(value, (list, tuple)) and len(value) <= 64:
                    for position, item in enumerate(value):
                        if isinstance(item, Tensor):
                            self._name(item, f"{variable}[{position}]")

    def _name_inside(self, module: nn.Module) -> None:
        """Name what no call of the module could name: it is compiled, say."""
        for name, tensor in module.named_parameters():
            self._name(tensor, name.removeprefix("_orig_mod."))

    def _name(self, tensor: Tensor, name: str) -> None:
        if not self.seen(tensor):
            return
        entry = self._entries[self.index_of(tensor)]
        # A variable of its own ("w1") says more than a place in a list ("params[0]").
        if not entry.name or ("[" in entry.name and "[" not in name):
            entry.name = name

    def name_of(self, tensor: Tensor) -> str:
        """The parameter's name, or "parameter N" while it has none."""
        index = self.index_of(tensor)
        return self._entries[index].name or f"parameter {index}"

    def name_at(self, index: int) -> str:
        """Name of a column's tensor, its number where it is gone."""
        tensor = self.tensor(index)
        return self.name_of(tensor) if tensor is not None else f"parameter {index}"

    def tensor(self, index: int) -> Tensor | None:
        """The tensor in a column, None if it is gone."""
        return self._entries[index].ref()

    def changed(self) -> list[ParameterInfo]:
        """Records that differ from those of the last call."""
        result = []
        for index, entry in enumerate(self._entries):
            info = self._describe(index, entry)
            if self._again or self._known.get(index) != info:
                self._known[index] = info
                result.append(info)
        self._again = False
        return result

    def again(self) -> None:
        """Let `changed` give every record at its next call: those of the last one may not have arrived."""
        self._again = True

    def infos(self) -> list[ParameterInfo]:
        """All records."""
        return [self._describe(index, entry) for index, entry in enumerate(self._entries)]

    def remember(self) -> None:
        """Tensors are about to go: what they look like is still told afterwards."""
        self._last = {info.index: info for info in self.infos()}

    def _describe(self, index: int, entry: _Entry) -> ParameterInfo:
        tensor = entry.ref()
        before = self._last.get(index, self._known.get(index))
        if tensor is None and before is not None:
            shape, trainable, is_parameter = before.shape, before.requires_grad, before.is_parameter
        elif tensor is None:
            shape, trainable, is_parameter = (), False, False
        else:
            shape = tuple(int(size) for size in tensor.shape)
            trainable = tensor.requires_grad or entry.descended
            is_parameter = isinstance(tensor, nn.Parameter)
        return ParameterInfo(
            index=index,
            name=entry.name or f"parameter {index}",
            shape=shape,
            module=entry.module,
            optimizer=entry.optimizer,
            requires_grad=trainable,
            in_model=entry.in_model,
            module_called=entry.called,
            reached=entry.reached,
            received=entry.received,
            is_parameter=is_parameter,
        )


def is_uninitialized(tensor: Tensor) -> bool:
    """Whether a lazy module has yet to give the tensor its shape."""
    return isinstance(tensor, (nn.UninitializedParameter, nn.UninitializedBuffer))
