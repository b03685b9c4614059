"""What the graph tells of a loss that no loss function made: stretched shapes, a sum over the batch, logarithms."""

from __future__ import annotations

import math

from torch import Tensor

from surefoot.capture.graph.loss_graph import LossGraph, Node, chain, is_leaf, output_shape, saved, saved_dim
from surefoot.facts import Broadcast

_ELEMENTWISE = ("SubBackward0", "AddBackward0", "MulBackward0", "DivBackward0", "RsubBackward1")
_LOGS = ("LogBackward0", "Log1PBackward0", "Log2Backward0")
# Of two computed operands these make the one that has a dimension of size one on purpose: all pairs are meant.
_WRITTEN_OUT = ("UnsqueezeBackward0", "ExpandBackward0")
_RESHAPES = (
    "ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "SqueezeBackward0", "SqueezeBackward1",
    "UnsqueezeBackward0", "TransposeBackward0", "TBackward0", "PermuteBackward0", "ExpandBackward0", "CloneBackward0",
)  # fmt: skip
_SCALES = (
    "MeanBackward0",
    "MeanBackward1",
    "SumBackward0",
    "SumBackward1",
    "MulBackward0",
    "DivBackward0",
    "NegBackward0",
)
_AVERAGES = ("MeanBackward0", "NegBackward0")
_PICKS = ("GatherBackward0", "IndexBackward0")
_KEEP_DIMENSION = ("SumBackward1", "LinalgVectorNormBackward0", "NormBackward1", "NormBackward2")


def broadcast(seen: LossGraph) -> Broadcast | None:
    """The operation near the loss at which the batch meets itself: (n, 1) with (n,) gives (n, n).

    Returns:
        `shapes` of the operands that were computed (the other one of a single is a constant, whose shape the
        graph does not keep), the shape `to` which they were stretched, the `operation`; None: there is none.
    """
    for node in seen.nodes[:25]:
        output = output_shape(node)
        if node.name() not in _ELEMENTWISE or not output or len(output) < 2:
            continue
        operands = [child for child, _ in node.next_functions if child is not None]
        if any(is_leaf(child) for child in operands):
            continue  # a parameter belongs to all examples
        shapes = [shape for child in operands if (shape := output_shape(child)) is not None]
        if len(shapes) == 1:
            meets = _meets_constant(shapes[0], output)
        else:
            meets = len(shapes) == 2 and _meets_itself(shapes, output) and not _meant(operands)
        if meets:
            return Broadcast(shapes=tuple(shapes), to=tuple(output), operation=node.name())
    return None


def _meets_constant(shape: tuple[int, ...], output: tuple[int, ...]) -> bool:
    return bool(shape) and math.prod(output) > math.prod(shape) and output[-1] == output[-2] == max(shape)


def _meets_itself(shapes: list[tuple[int, ...]], output: tuple[int, ...]) -> bool:
    """As many entries on both sides, in unequal ranks: of equal rank it was written out, one unsqueeze each."""
    first, second = shapes
    entries = math.prod(first)
    return len(first) != len(second) and entries == math.prod(second) and math.prod(output) == entries**2 > 1


def _meant(operands: list[Node]) -> bool:
    """Whether pairs of examples are wanted: a tensor against itself, or a dimension that was added by name."""
    first, second = (_source(node) for node in operands)
    return first is second or any(
        node.name() in _WRITTEN_OUT
        or (node.name() in _KEEP_DIMENSION and bool(saved(node, "_saved_keepdim")))
        for node in operands
    )


def _source(node: Node) -> Node:
    """What computed the entries that reach `node` in another shape."""
    while node.name() in _RESHAPES and node.next_functions[0][0] is not None:
        node = node.next_functions[0][0]
    return node


def squared_error(seen: LossGraph, output: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """The difference that a loss squares, and the target that stood against the model's output in it.

    Args:
        seen: The loss's graph.
        output: What the model returned.

    Returns:
        Both detached; None where the loss is no squared difference of the output and a constant.
    """
    node = _below(seen.root, _SCALES)
    squares = node.name() == "PowBackward0" and saved(node, "_saved_exponent") == 2
    difference = saved(node, "_saved_self") if squares or _times_itself(node) else None
    if not isinstance(difference, Tensor) or output is None or output.grad_fn is None:
        return None
    inner = _source(node.next_functions[0][0])
    if inner.name() not in ("SubBackward0", "RsubBackward1"):
        return None
    operands = [child for child, _ in inner.next_functions]
    computed = [child for child in operands if child is not None]
    if len(computed) != 1 or _source(computed[0]) is not _source(output.grad_fn):
        return None
    if difference.numel() != output.numel():
        return None
    found, said = difference.detach(), output.detach().reshape(difference.shape)
    return found, said - found if operands[0] is not None and inner.name() == "SubBackward0" else said + found


def classes(seen: LossGraph) -> int | None:
    """How many classes a loss chooses from, the mean of a log-softmax at each label; None where it is none such."""
    node = _below(_below(seen.root, _AVERAGES), _PICKS)
    result = saved(node, "_saved_result") if node.name() == "LogSoftmaxBackward0" else None
    dim = saved_dim(node, result.dim()) if isinstance(result, Tensor) else None
    return int(result.shape[dim]) if dim is not None and isinstance(result, Tensor) else None


def _below(node: Node, names: tuple[str, ...]) -> Node:
    """The first operation on the one way down that is none of `names` and no reshaping."""
    for _ in range(12):
        children = [child for child, _ in node.next_functions if child is not None]
        if node.name() not in (*names, *_RESHAPES) or len(children) != 1 or is_leaf(children[0]):
            break
        if node.name() == "MulBackward0" and _times_itself(node):
            break
        node = children[0]
    return node


def _times_itself(node: Node) -> bool:
    children = [child for child, _ in node.next_functions]
    return node.name() == "MulBackward0" and len(children) == 2 and children[0] is children[1] is not None


def summed(seen: LossGraph) -> bool:
    """Whether the loss is a plain sum over the batch: a sum with no mean or division around it."""
    node = seen.root
    for _ in range(6):
        name = node.name()
        if name in ("MeanBackward0", "MeanBackward1", "DivBackward0"):
            return False
        if name in ("SumBackward0", "SumBackward1"):
            inner = node.next_functions[0][0]
            shape = output_shape(inner) if inner is not None else None
            return bool(shape)
        children = [child for child, _ in node.next_functions if child is not None and not is_leaf(child)]
        if name not in ("NegBackward0", "MulBackward0", "ViewBackward0") or len(children) != 1:
            return False
        node = children[0]
    return False


def probabilities(seen: LossGraph) -> tuple[str | None, bool]:
    """What makes the probabilities whose logarithm a loss takes, and whether that can be the logarithm of zero."""
    for node in seen.nodes[:60]:
        if node.name() not in _LOGS:
            continue
        for child in chain(node)[1:]:
            name = child.name()
            if name in ("ClampBackward1", "ClampMinBackward0", "ClampBackward0"):
                return None, False
            if name == "AddBackward0" and len([c for c, _ in child.next_functions if c is not None]) == 1:
                return None, False  # log(p + eps)
            if name == "SigmoidBackward0":
                return "sigmoid", True
            if name == "SoftmaxBackward0":
                return "softmax", True
            if name == "ReluBackward0":
                return None, True
    return None, False
