"""The autograd graph of a loss, read before backward frees it.

The graph shows what no hook sees: functional activations, the order of operations, which tensors a gradient will reach.
Nothing here keeps a node alive after the look.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from torch import Tensor

from surefoot.capture.unseen import readable
from surefoot.interrupts import pass_on

Node = Any  # torch.autograd.graph.Node; its saved tensors are dynamic attributes

# operation -> (function's name, attribute that holds its output or input)
NONLINEARITIES: dict[str, tuple[str, str]] = {
    "ReluBackward0": ("relu", "_saved_result"),
    "LeakyReluBackward0": ("leaky_relu", "_saved_self"),
    "LeakyReluBackward1": ("leaky_relu", "_saved_result"),
    "PreluKernelBackward0": ("prelu", "_saved_self"),
    "RreluWithNoiseBackward0": ("rrelu", "_saved_self"),
    "EluBackward0": ("elu", "_saved_self_or_result"),
    "GeluBackward0": ("gelu", "_saved_self"),
    "SiluBackward0": ("silu", "_saved_self"),
    "MishBackward0": ("mish", "_saved_self"),
    "SoftplusBackward0": ("softplus", "_saved_self"),
    "HardtanhBackward0": ("hardtanh", "_saved_self"),
    "HardtanhBackward1": ("hardtanh", "_saved_result"),
    "HardswishBackward0": ("hardswish", "_saved_self"),
    "HardsigmoidBackward0": ("hardsigmoid", "_saved_self"),
    "ThresholdBackward0": ("threshold", "_saved_self"),
    "ClampMinBackward0": ("clamp_min", "_saved_self"),
    "ClampBackward1": ("clamp", "_saved_self"),
    "SigmoidBackward0": ("sigmoid", "_saved_result"),
    "TanhBackward0": ("tanh", "_saved_result"),
    "SinBackward0": ("sin", "_saved_self"),
    "LogSigmoidBackward0": ("log_sigmoid", "_saved_self"),
}
LINEAR = frozenset(
    {"AddmmBackward0", "MmBackward0", "ConvolutionBackward0", "LinearBackward0", "BmmBackward0", "MvBackward0",
     "BaddbmmBackward0", "AddmvBackward0", "DotBackward0"}
)  # fmt: skip
# Operations that move, copy, scale or normalise, and leave a linear map linear.
TRANSPARENT = frozenset(
    {"ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "TransposeBackward0", "TBackward0",
     "PermuteBackward0", "SqueezeBackward0", "SqueezeBackward1", "SqueezeBackward2", "UnsqueezeBackward0",
     "CloneBackward0", "AliasBackward0", "ExpandBackward0", "ToCopyBackward0", "DivBackward0", "MulBackward0",
     "AddBackward0", "NativeDropoutBackward0", "NativeBatchNormBackward0", "NativeLayerNormBackward0",
     "CudnnBatchNormBackward0", "NativeGroupNormBackward0", "AvgPool2DBackward0", "SliceBackward0", "SelectBackward0",
     "MeanBackward1", "ContiguousBackward0"}
)  # fmt: skip
_SHAPE_ONLY = frozenset(
    {"ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "TransposeBackward0", "TBackward0",
     "PermuteBackward0", "CloneBackward0", "ToCopyBackward0", "AliasBackward0", "ExpandBackward0"}
)  # fmt: skip
_MASKS = ("Where", "MaskedFill", "MaskedSelect", "MaskedScatter")
_INPUTS = {
    "ConvolutionBackward0": "_saved_input",
    "AddmmBackward0": "_saved_mat1",
    "MmBackward0": "_saved_self",
}
_LEAF = "torch::autograd::AccumulateGrad"


def is_leaf(node: Node) -> bool:
    """Whether a node hands its gradient to a leaf tensor."""
    return node is not None and node.name() == _LEAF


def output_shape(node: Node) -> tuple[int, ...] | None:
    """Shape of what the operation put out; None where the graph does not tell."""
    try:
        return tuple(int(size) for size in node._input_metadata[0].shape)
    except (AttributeError, IndexError, TypeError, RuntimeError) as error:
        pass_on(error)
        return None


def saved_dim(node: Node, dimensions: int) -> int | None:
    """The dimension that an operation ran along, counted from the first; None where it tells none."""
    dim = saved(node, "_saved_dim")
    if not isinstance(dim, int):
        return None
    return (dim - (1 << 64) if dim > 1 << 62 else dim) % dimensions  # a negative one reads as unsigned


def saved(node: Node, attribute: str) -> Any:
    """A value that the operation kept for backward; None where it cannot be read."""
    try:
        value = getattr(node, attribute, None)
    except RuntimeError as error:  # modified in place since, or freed already
        pass_on(error)
        return None
    return readable(value) if isinstance(value, Tensor) else value


def _reached(starts: Iterable[Node]) -> Iterator[Node]:
    """Each node on the gradient's way from `starts`, once, the nearest first."""
    queue = deque(starts)
    seen = set(queue)
    while queue:
        node = queue.popleft()
        yield node
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                queue.append(child)


@dataclass(frozen=True, slots=True)
class Activation:
    """One nonlinearity in the graph with its output (or the input that has the same sign)."""

    function: str
    output: Tensor
    after: Tensor | None  # the last weight before it
    unit_dim: int


@dataclass(frozen=True, slots=True)
class LinearPair:
    """Two linear operations with nothing but linear operations between them."""

    first: Tensor
    second: Tensor
    between: tuple[str, ...]
    inner_width: int  # features or channels between the two
    outer_width: int  # that the second one puts out


class LossGraph:
    """The nodes that a loss's gradient will pass.

    Args:
        root: `grad_fn` of the loss.
        limit: Nodes to look at, at the most.
        saved_tensors: Whether kept tensors may be read; not while saved-tensor hooks (checkpointing, offloading) are in
            use, for reading would run them.
    """

    def __init__(self, root: Node, limit: int = 20_000, saved_tensors: bool = True) -> None:
        self.root = root
        self.nodes: list[Node] = list(islice(_reached([root]), limit))
        self.leaves: list[Tensor] = [node.variable for node in self.nodes if is_leaf(node)]
        self._saved_tensors = saved_tensors

    def __len__(self) -> int:
        return len(self.nodes)

    def activations(self) -> Iterator[Activation]:
        """Every nonlinearity whose values can be read, first layer first."""
        if not self._saved_tensors:
            return
        for node in reversed(self.nodes):
            entry = NONLINEARITIES.get(node.name())
            if entry is None:
                continue
            function, attribute = entry
            value = saved(node, attribute)
            if not isinstance(value, Tensor) or value.ndim < 2 or value.numel() == 0:
                continue
            weight, convolution = nearest_weight(node)
            yield Activation(function, value, weight, 1 if convolution and value.ndim > 2 else value.ndim - 1)

    def nonlinearities(self) -> int:
        """How many operations before the last linear one make the model more than a linear map."""
        starts = (
            child for node in self.nodes if node.name() in LINEAR for child in weight_and_inputs(node)[1]
        )
        return sum(_bends(node) for node in _reached(starts))

    def linear_pairs(self) -> Iterator[LinearPair]:
        """Linear operations that follow each other directly."""
        for node in self.nodes:
            if node.name() not in LINEAR:
                continue
            second, inputs = weight_and_inputs(node)
            if second is None:
                continue
            for start in inputs:
                found = _next_linear(start)
                if found is not None:
                    first, before, between = found
                    yield LinearPair(first, second, between, _width(before), _width(node))

    def first_inputs(self) -> Iterator[Tensor]:
        """Data that enters the model, as the first operations kept it."""
        if not self._saved_tensors:
            return
        for node in self.nodes:
            attribute = _INPUTS.get(node.name())
            value = saved(node, attribute) if attribute is not None else None
            if isinstance(value, Tensor) and not value.requires_grad and value.grad_fn is None:
                yield value


def masks(graph: LossGraph, operation: Node) -> bool:
    """Whether a mask lies between the loss and an operation: its result is left out, its gradient is computed."""
    over = (node for node in graph.nodes if any(word in node.name() for word in _MASKS))
    return any(node is operation for node in _reached(over))


def leaves(root: Tensor) -> list[Tensor]:
    """The leaf tensors that a loss's gradient reaches."""
    return [root] if root.grad_fn is None else LossGraph(root.grad_fn, saved_tensors=False).leaves


def chain(node: Node, limit: int = 12) -> list[Node]:
    """Operations from a loss's input back to the first one that has a parameter, nearest first."""
    found: list[Node] = []
    while node is not None and len(found) < limit:
        if is_leaf(node):
            break
        found.append(node)
        if node.name() in LINEAR:
            break
        inner = [child for child, _ in node.next_functions if child is not None]
        # Past a product or sum the widest branch is the model's output; parameters beside it are biases and scales.
        branches = [child for child in inner if not is_leaf(child)]
        if not branches:
            break
        node = branches[0]
    return found


def nearest_weight(node: Node, limit: int = 200) -> tuple[Tensor | None, bool]:
    """The weight of the last linear operation before a node, and whether that is a convolution."""
    for current in islice(_reached([node]), limit):
        weight = weight_and_inputs(current)[0] if current.name() in LINEAR else None
        if weight is not None:
            return weight, current.name() == "ConvolutionBackward0"
    return None, False


def weight_and_inputs(node: Node) -> tuple[Tensor | None, list[Node]]:
    """The leaf with two or more dimensions that a linear operation multiplies by, and its other inputs."""
    weight: Tensor | None = None
    inputs: list[Node] = []
    for child, _ in node.next_functions:
        leaf = child
        while leaf is not None and leaf.name() in _SHAPE_ONLY:
            leaf = leaf.next_functions[0][0]
        if is_leaf(leaf):
            if leaf.variable.ndim >= 2 and weight is None:
                weight = leaf.variable
        elif child is not None:
            inputs.append(child)
    return weight, inputs


def _width(node: Node) -> int:
    shape = output_shape(node) or (1,)
    return shape[1] if node.name() == "ConvolutionBackward0" and len(shape) > 1 else shape[-1]


def _next_linear(node: Node) -> tuple[Tensor, Node, tuple[str, ...]] | None:
    passed: list[str] = []
    while node is not None and len(passed) < 20:
        name = node.name()
        if name in LINEAR:
            weight, _ = weight_and_inputs(node)
            return None if weight is None else (weight, node, tuple(passed))
        if name not in TRANSPARENT:
            return None
        branches = [child for child, _ in node.next_functions if child is not None and not is_leaf(child)]
        if len(branches) != 1:  # a sum or product of two computed tensors is more than a linear map in a row
            return None
        passed.append(name)
        node = branches[0]
    return None


def _bends(node: Node) -> bool:
    name = node.name()
    if name in NONLINEARITIES or name == "SoftmaxBackward0":
        return True
    if name in TRANSPARENT or name in LINEAR:
        computed = [child for child, _ in node.next_functions if child is not None and not is_leaf(child)]
        product = name == "MulBackward0" or (name in LINEAR and weight_and_inputs(node)[0] is None)
        return product and len(computed) > 1
    return any(
        word in name for word in ("Pow", "Exp", "Log", "Abs", "Max", "Min", "Attention", "Rnn", "Cos", "Erf")
    )
