"""Which operations in a graph can mix the examples of a batch, and where they do it by mistake."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from surefoot.capture.graph.loss_graph import is_leaf, output_shape, saved, saved_dim

_ON_PURPOSE = ("BatchNorm", "CudnnBatchNorm", "SyncBatchNorm")
# Operations that run along a dimension that should be the time, and those that move dimensions. Others (a
# product with an adjacency matrix, a mean over the batch) mix because somebody wanted it.
_ALONG_TIME = ("Rnn", "Lstm", "Gru", "Attention")
_MOVES = ("View", "Reshape", "Transpose", "Permute", "TBackward", "Select")
_MOST_NODES = 400  # of one row for each example
_MOST_ENTRIES = 1 << 24  # of the gradients that are held at a time


class Link(NamedTuple):
    """A tensor with a row for each example, the next one behind it, and the operations from one to the other."""

    after: int
    before: int
    operations: tuple[Any, ...]


def rows(root: Any, size: int) -> tuple[list[Any], list[Link]]:
    """The operations with a row for each example, from the scores back to the data, and how they follow each other."""
    nodes: list[Any] = [root]
    index = {root: 0}
    links: list[Link] = []
    entries = 0
    queue = deque([root])
    while queue:
        node = queue.popleft()
        if any(word in node.name() for word in _ON_PURPOSE):
            continue
        for found, between in _behind(node, size):
            if found not in index:
                shape = output_shape(found) or ()
                entries += torch.Size(shape).numel()
                if len(nodes) >= _MOST_NODES or entries > _MOST_ENTRIES:
                    return nodes, links
                index[found] = len(nodes)
                nodes.append(found)
                queue.append(found)
            links.append(Link(index[node], index[found], (node, *between)))
    return nodes, links


def _behind(node: Any, size: int, limit: int = 4000) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The next operations with a row for each example, each with those on the way to it."""
    queue: deque[tuple[Any, tuple[Any, ...]]] = deque([(node, ())])
    seen = {node}
    while queue and len(seen) < limit:
        current, between = queue.popleft()
        for child, _ in current.next_functions:
            if child is None or child in seen or is_leaf(child) or _only_parameters(child):
                continue
            seen.add(child)
            if (output_shape(child) or (0,))[0] == size:
                yield child, between
            elif not any(word in child.name() for word in _ON_PURPOSE):
                queue.append((child, (*between, child)))


def cause(link: Link, nodes: list[Any], size: int) -> str | None:
    """The operation of a link that would mix examples by mistake; None where somebody wanted it, or none could."""
    deep = len(output_shape(nodes[link.after]) or ()) > 2
    for node in link.operations:
        name = str(node.name())
        if any(word in name for word in _ALONG_TIME):
            return name
        if "VectorNorm" in name and tuple(saved(node, "_saved_dim") or ()) == (0,):
            return name  # each feature divided by its norm over the examples
        if ("Unbind" in name or "Select" in name) and link.operations.index(node) and saved_dim(node, 8) == 0:
            return name  # the examples one after the other: a recurrent layer takes them for time steps
        if "Softmax" in name:
            shape = output_shape(node) or ()
            # Over the examples themselves, or between steps of sequences that are examples.
            along = len(shape) >= 2 and shape[0] == size != shape[1] and saved_dim(node, len(shape)) == 0
            if along or (deep and len(link.operations) > 1):
                return name
    if any(_takes_matrix(node) for node in link.operations):
        return None
    first = str(link.operations[0].name())
    return first if any(word in first for word in _MOVES) else None


def _takes_matrix(node: Any) -> bool:
    """Whether a product's other operand is data: an adjacency matrix, no weight."""
    names = ("MmBackward0", "BmmBackward0", "MvBackward0")
    return node.name() in names and any(child is None for child, _ in node.next_functions)


def _only_parameters(node: Any) -> bool:
    for _ in range(4):
        if is_leaf(node):
            return True
        children = [child for child, _ in node.next_functions if child is not None]
        if len(children) != 1:
            return False
        node = children[0]
    return False
