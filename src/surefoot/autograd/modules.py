"""Which module each node of the autograd graph belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Node = Any  # torch.autograd.graph.Node


@contextmanager
def watched(model: nn.Module) -> Iterator[dict[Node, str]]:
    """Run the forward pass inside; the mapping then names the module of every node made in one.

    Effects: forward hooks while inside; nothing is left behind.
    """
    owners: dict[Node, str] = {}
    names = {module: name or type(module).__name__ for name, module in model.named_modules()}
    handles = []

    def after(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        before: set[Node] = {t.grad_fn for t in tensors((args, kwargs)) if t.grad_fn is not None}
        pending: list[Node] = [t.grad_fn for t in tensors(output) if t.grad_fn is not None]
        while pending:  # children return first: what they claimed stays theirs
            node = pending.pop()
            if node is None or node in before or node in owners or is_leaf(node):
                continue
            owners[node] = names[module]
            pending.extend(following for following, _ in node.next_functions)

    try:
        for module in names:
            handles.append(module.register_forward_hook(after, with_kwargs=True))
        yield owners
    finally:
        for handle in handles:
            handle.remove()


def by_parameters(order: list[Node], leaves: Mapping[Node, str]) -> dict[Node, str]:
    """Owners guessed without a forward pass: the module whose parameter a node reads; without one, that of the
    nearest such node on the way to the inputs."""
    owners: dict[Node, str] = {}
    for node in reversed(order):  # inputs first
        own = [leaves[f] for f, _ in node.next_functions if f in leaves]
        named = [name.rpartition(".")[0] for name in own if "." in name]
        if named:
            owners[node] = named[0]
            continue
        beyond = [owners[f] for f, _ in node.next_functions if owners.get(f)]
        owners[node] = beyond[0] if beyond else ""
    return owners


def is_leaf(node: Node) -> bool:
    """Whether a node stands for a leaf tensor."""
    return hasattr(node, "variable")


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists, dicts and dataclass-like outputs."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors(item)
