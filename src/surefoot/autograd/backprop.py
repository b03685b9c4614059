"""Back-propagation taken apart: every operation with the gradient that came in and what went out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from surefoot.autograd.lines import line_of, lines_kept
from surefoot.autograd.modules import by_parameters, is_leaf, watched
from surefoot.errors import SettingError
from surefoot.gradients import Backpropagation, Edge, LeafGradient, Mark, Operation, joint

Node = Any  # torch.autograd.graph.Node

_VANISHED = (
    1e-3  # of the gradient where the parameters begin; relative, since norms have no scale of their own
)
_EXPLODED = 1e3
_RESHAPES = frozenset(
    {"T", "View", "UnsafeView", "Transpose", "Permute", "Expand", "Unsqueeze", "Squeeze", "ReshapeAlias"}
)


def backprop(
    loss: Tensor | Callable[[], Tensor],
    model: nn.Module | None = None,
    *,
    names: Mapping[str, Tensor] | None = None,
    owners: Mapping[Node, str] | None = None,
) -> Backpropagation:
    """Run the backward pass of a loss once and take it apart, without touching any `.grad`.

    Args:
        loss: One number with a graph; or a function that computes it, whose modules are then watched in the forward
            pass, so that operations are counted to the module that made them.
        model: Names parameters and modules, and tells which parameters nothing reaches.
        names: Names of further leaves, such as {"x": x}.
        owners: Module of each node, where the forward pass was watched by the caller.

    Returns:
        A record: `surefoot.figures.backprop_text` prints it, `surefoot.figures.draw_backprop` draws it.

    Raises:
        SettingError: The loss is not one number, or hangs on no graph.

    Effects: the graph stays, so `loss.backward()` works afterwards. Tensor hooks and custom backward functions of
    the script run once more. The random state is put back. Synchronises with the host once, at the end.

    Example:
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> seen = backprop(x**3 + 5 * x, names={"x": x})
        >>> seen.leaves[0].value
        17.0
        >>> [(o.name, o.value_in, o.norm_out) for o in seen.operations][1:]
        [('Mul', 1.0, 5.0), ('Pow', 1.0, 12.0)]
    """
    watching: Mapping[Node, str] | None = owners
    if callable(loss) and not isinstance(loss, Tensor):
        with lines_kept(), nullcontext() if model is None else watched(model) as watching:
            value = loss()
    else:
        value = loss
    if not isinstance(value, Tensor) or value.numel() != 1:
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise SettingError(
            f"back-propagation begins at one number, not at {shape}; reduce the loss, such as by mean"
        )
    if value.grad_fn is None:
        raise SettingError(
            "this loss hangs on no autograd graph; compute it from parameters, outside torch.no_grad()"
        )
    order, leaf_nodes = _graph(value.grad_fn)
    leaves = _leaf_names(leaf_nodes, model, names)
    watch = _Watch(order)
    try:
        devices = sorted({v.device for v in (n.variable for n in leaf_nodes) if v.is_cuda}, key=str)
        with torch.random.fork_rng(devices=devices), _retained_gradients_kept(set(order)):
            found = torch.autograd.grad(
                value, [n.variable for n in leaf_nodes], retain_graph=True, allow_unused=True
            )
    finally:
        watch.remove()
    gradients = dict(zip(leaf_nodes, found, strict=True))
    modules = watching if watching else by_parameters(order, leaves)
    operations = _operations(watch, modules, leaves)
    operations = _marked(operations)
    reached = set(leaves.values())
    unreached: tuple[str, ...] = ()
    if model is not None:
        unreached = tuple(n for n, p in model.named_parameters() if p.requires_grad and n not in reached)
    return Backpropagation(
        loss=float(value.detach()),
        operations=operations,
        leaves=tuple(_leaf(leaves[n], n.variable, g) for n, g in gradients.items()),
        unreached=unreached,
        collapsed_by="forward" if watching else "parameters",
    )


def _graph(root: Node) -> tuple[list[Node], list[Node]]:
    """All nodes but leaves, each before what it passes gradient to; and the leaves."""
    inner: list[Node] = []
    leaves: list[Node] = []
    seen = {root}
    pending = [(root, iter(root.next_functions))]
    while pending:  # depth first; a node is done after all it leads to
        node, following = pending[-1]
        for child, _ in following:
            if child is None or child in seen:
                continue
            seen.add(child)
            if is_leaf(child):
                leaves.append(child)
            else:
                pending.append((child, iter(child.next_functions)))
                break
        else:
            inner.append(node)
            pending.pop()
    return inner[::-1], leaves


@contextmanager
def _retained_gradients_kept(nodes: set[Node]) -> Iterator[None]:
    """`retain_grad()` adds to a tensor's gradient in any backward pass; only the collector knows such tensors."""
    # type(), not isinstance(): some objects pretend to be of another class, and do work when asked.
    every = (o for o in gc.get_objects() if issubclass(type(o), Tensor))
    kept = [(t, t.grad) for t in every if t.grad_fn is not None and t.retains_grad and t.grad_fn in nodes]
    try:
        yield
    finally:
        for tensor, gradient in kept:
            tensor.grad = gradient


class _Watch:
    """Hooks on the nodes; norms stay on the device until `read`."""

    def __init__(self, order: list[Node]) -> None:
        self.ran: list[Node] = []
        self.incoming: dict[Node, list[Tensor | None]] = {}
        self.outgoing: dict[Node, list[Tensor | None]] = {}
        self.shapes: dict[Node, tuple[list[Any], list[Any]]] = {}
        self.single: dict[Node, tuple[list[Any], list[Any]]] = {}
        self.handles = [node.register_hook(self._hook(node)) for node in order]

    def _hook(self, node: Node) -> Callable[[Any, Any], None]:
        def hook(out: tuple[Tensor | None, ...], came: tuple[Tensor | None, ...]) -> None:
            self.ran.append(node)
            self.incoming[node] = [_norm(t) for t in came]
            self.outgoing[node] = [_norm(t) for t in out]
            self.shapes[node] = ([_shape(t) for t in came], [_shape(t) for t in out])
            self.single[node] = ([_single(t) for t in came], [_single(t) for t in out])

        return hook

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def read(self) -> Callable[[Tensor | None], float]:
        """All numbers in one copy to the host."""
        asked: dict[int, Tensor] = {}
        for node in self.ran:
            lists = (self.incoming[node], self.outgoing[node], *self.single[node])
            asked.update({id(t): t for values in lists for t in values if t is not None})
        device = next(iter(asked.values())).device if asked else torch.device("cpu")
        numbers = torch.stack([t.to(device) for t in asked.values()]).tolist() if asked else []
        known = dict(zip(asked, numbers, strict=True))
        return lambda t: float("nan") if t is None else float(known[id(t)])


def _norm(tensor: Tensor | None) -> Tensor | None:
    if tensor is None:
        return None
    dense = tensor.coalesce().values() if tensor.is_sparse else tensor
    norm: Tensor = torch.linalg.vector_norm(dense.detach(), dtype=torch.float64)
    return norm


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def _single(tensor: Tensor | None) -> Tensor | None:
    if tensor is None or tensor.numel() != 1 or tensor.is_complex():
        return None
    return tensor.detach().reshape(()).double()


def _operations(
    watch: _Watch, owners: Mapping[Node, str], leaves: Mapping[Node, str]
) -> tuple[Operation, ...]:
    read = watch.read()
    index = {node: i for i, node in enumerate(watch.ran)}
    operations = []
    for node in watch.ran:
        came, out = watch.shapes[node]
        one_in, one_out = watch.single[node]
        edges = []
        for i, (child, _) in enumerate(node.next_functions):
            if child is None or i >= len(out):
                continue
            norm = watch.outgoing[node][i]
            value = None if one_out[i] is None else read(one_out[i])
            edges.append(Edge(index.get(child), leaves.get(child), out[i], read(norm), value))
        given = [read(n) for n in watch.incoming[node] if n is not None]
        sent = [e.norm for e in edges if e.shape is not None]
        only = one_in[0] if len(one_in) == 1 else None
        operations.append(
            Operation(
                index=index[node],
                name=_plain(node.name()),
                module=owners.get(node, ""),
                line=line_of(node),
                shape=next((s for s in came if s is not None), None),
                norm_in=joint(given),
                norm_out=joint(sent),
                edges=tuple(edges),
                value_in=None if only is None else read(only),
            )
        )
    return tuple(operations)


def _plain(name: str) -> str:
    name = name.rsplit("::", 1)[-1]
    head, _, tail = name.rpartition("Backward")
    return head if head and (not tail or tail.isdigit()) else name


def _marked(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Mark where the gradient, against what it was where the parameters begin, vanishes, explodes or turns NaN."""
    begin = _where_parameters_begin(operations)
    reference = begin.norm_in if begin is not None else float("nan")
    first = begin.index if begin is not None else len(operations)
    beside = _beside_the_way(operations, _VANISHED * reference)
    marked = []
    for operation in operations:
        mark: Mark | None = None
        finite_in, finite_out = (abs(n) < float("inf") for n in (operation.norm_in, operation.norm_out))
        if not finite_out:
            mark = "turns NaN" if finite_in else "NaN"
        elif not finite_in:
            mark = "NaN"
        elif operation.norm_in == 0:
            mark = "zero"
        elif operation.index >= first and reference > 0:
            if operation.norm_in < _VANISHED * reference:
                mark = None if operation.index in beside else "vanishing"
            elif operation.norm_in > _EXPLODED * reference:
                mark = "exploding"
        marked.append(replace(operation, mark=mark) if mark else operation)
    return tuple(marked)


def _beside_the_way(operations: tuple[Operation, ...], little: float) -> set[int]:
    """Operations that get little gradient while as much of the network gets its own past them.

    The queries and keys of a fresh transformer: its attention is nearly even, so they hardly matter yet, and
    the gradient goes on through the values; so it is in a residual branch that begins near zero.
    """
    leaves = _reached(operations)
    parents: dict[int, list[Operation]] = {}
    for operation in operations:
        for edge in operation.edges:
            if edge.to is not None:
                parents.setdefault(edge.to, []).append(operation)
    by_index = {operation.index: operation for operation in operations}
    found: set[int] = set()

    def goes_on(parent: Operation, index: int) -> bool:
        others = [by_index[e.to] for e in parent.edges if e.to is not None and e.to != index]
        ways = [o for o in others if o.norm_in >= little and not _only_reshapes(o, by_index)]
        reached = max((leaves[o.index].bit_count() for o in ways), default=0)
        return parent.norm_in >= little and 2 * reached >= leaves[index].bit_count() > 0

    for operation in operations:  # from the loss on
        above = parents.get(operation.index)
        if above and all(p.index in found or goes_on(p, operation.index) for p in above):
            found.add(operation.index)
    return found


def _only_reshapes(operation: Operation, by_index: Mapping[int, Operation]) -> bool:
    """Whether nothing is computed from here on: a weight on its way into a product."""
    while operation.name in _RESHAPES and len(operation.edges) == 1:
        (edge,) = operation.edges
        if edge.to is None:
            return True
        operation = by_index[edge.to]
    return False


def _reached(operations: tuple[Operation, ...]) -> dict[int, int]:
    """The leaves that each operation leads to, one bit each."""
    bits: dict[str, int] = {}
    reached: dict[int, int] = {}
    for operation in reversed(operations):  # what an operation leads to ran after it
        mask = 0
        for edge in operation.edges:
            if edge.leaf is not None:
                mask |= 1 << bits.setdefault(edge.leaf, len(bits))
            elif edge.to is not None:
                mask |= reached.get(edge.to, 0)
        reached[operation.index] = mask
    return reached


def _where_parameters_begin(operations: tuple[Operation, ...]) -> Operation | None:
    """The operation nearest to the loss that reads a parameter and through which most others are reached.

    A penalty reads its parameters too, often weighted by very little, but leads nowhere else.
    """
    reached = _reached(operations)
    reading = [o for o in operations if any(e.leaf for e in o.edges)]
    return max(reading, key=lambda o: reached[o.index].bit_count(), default=None)


def _leaf_names(
    nodes: list[Node], model: nn.Module | None, names: Mapping[str, Tensor] | None
) -> dict[Node, str]:
    known: dict[int, str] = {}
    if model is not None:
        known |= {id(p): name for name, p in model.named_parameters()}
    known |= {id(t): name for name, t in (names or {}).items()}
    return {node: known.get(id(node.variable), f"leaf {i}") for i, node in enumerate(nodes)}


def _leaf(name: str, tensor: Tensor, gradient: Tensor | None) -> LeafGradient:
    norm = _norm(gradient)
    single = _single(gradient)
    return LeafGradient(
        name,
        tuple(tensor.shape),
        float("nan") if norm is None else float(norm),
        None if single is None else float(single),
    )
