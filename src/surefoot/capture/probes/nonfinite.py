"""Where a loss turned NaN or infinite: the operation in its graph that first made it so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import LossGraph, masks, nearest_weight, saved
from surefoot.capture.parameters import Parameters
from surefoot.capture.place import text_of
from surefoot.capture.rows import Latest
from surefoot.capture.unseen import readable
from surefoot.capture.written import line_of_operation
from surefoot.facts import Fact, Nonfinite

# operation -> (attribute that holds its input, what about it makes the output or its gradient non-finite)
_DOMAINS: dict[str, tuple[str, str]] = {
    "LogBackward0": ("_saved_self", "logarithm of zero or less"),
    "Log2Backward0": ("_saved_self", "logarithm of zero or less"),
    "Log10Backward0": ("_saved_self", "logarithm of zero or less"),
    "Log1PBackward0": ("_saved_self", "logarithm of zero or less"),
    "SqrtBackward0": ("_saved_result", "square root of zero or less"),
    "RsqrtBackward0": ("_saved_result", "reciprocal square root of zero or less"),
    "ReciprocalBackward0": ("_saved_result", "division by zero"),
    "DivBackward0": ("_saved_other", "division by zero"),
    "ExpBackward0": ("_saved_result", "exponential that overflows"),
    "AcosBackward0": ("_saved_self", "arc cosine outside [-1, 1]"),
    "AsinBackward0": ("_saved_self", "arc sine outside [-1, 1]"),
}
_INPUTS = ("_saved_self", "_saved_mat1", "_saved_mat2", "_saved_input", "_saved_other")
_OUTPUTS = ("_saved_result", "_saved_self_or_result", "_saved_output")


class NonfiniteProbe(Probe):
    """Looks once, at the first loss that is not finite while its graph is still there.

    Args:
        parameters: Give the parameters their names.
        latest: The last numbers that reached the host.
    """

    name = "non-finite trace"

    def __init__(self, parameters: Parameters, latest: Latest) -> None:
        self._parameters = parameters
        self._latest = latest
        self._found: dict[str, Any] | None = None
        self._wanted = True

    def backward_begins(self, backward: Backward) -> None:
        """Whether the loss is NaN or infinite: known at once on the CPU, elsewhere from the last flush."""
        known = backward.loss if isinstance(backward.loss, float) else self._latest.loss
        if known is None or math.isfinite(known) or not self._wanted or backward.root is None:
            return
        self._wanted = False
        self._trace(backward.root, backward)

    def _trace(self, root: Tensor, backward: Backward) -> None:
        """Look through the graph of a loss that is not finite."""
        found: dict[str, Any] = {
            "at_step": backward.step, "what": "loss", "place": text_of(backward.site),
            "loss": float(root.detach().float().mean().cpu()),
            "operation": None, "detail": None, "module": None, "parameters": (),
        }  # fmt: skip
        self._found = found
        if root.grad_fn is None:
            return
        seen = LossGraph(root.grad_fn, saved_tensors=backward.saved_tensors)
        held = [leaf for leaf in seen.leaves if readable(leaf) is leaf]
        bad = [leaf for leaf in held if not bool(torch.isfinite(leaf.detach()).all())]
        bad = bad or self._bad_parameters()
        if bad:
            found["what"] = "parameter"
            found["parameters"] = tuple(self._parameters.name_of(leaf) for leaf in bad[:20])
            return
        if not backward.saved_tensors:
            return
        if any(not bool(torch.isfinite(batch).all()) for batch in seen.first_inputs()):
            found["what"] = "input"
            return
        for node in reversed(seen.nodes):  # first layer first
            reason = _reason(node)
            if reason is not None:
                weight, _ = nearest_weight(node)
                found["operation"], found["detail"] = node.name(), reason
                found["line"], found["masked"] = line_of_operation(node.name()), masks(seen, node)
                found["module"] = self._parameters.name_of(weight) if weight is not None else None
                return

    def _bad_parameters(self) -> list[Tensor]:
        """Parameters outside of this graph: what comes in may be another network's output."""
        known = [self._parameters.tensor(index) for index in range(len(self._parameters))]
        held = [tensor for tensor in known if tensor is not None and readable(tensor) is tensor]
        return [t for t in held if t.is_floating_point() and not bool(torch.isfinite(t.detach()).all())]

    def facts(self) -> Iterator[Fact]:
        """The first occurrence."""
        if self._found is not None:
            yield Nonfinite(**self._found)


def _reason(node: Any) -> str | None:
    """Why an operation made something that is not finite out of what is; None if it did not."""
    name = node.name()
    domain = _DOMAINS.get(name)
    if domain is not None:
        attribute, reason = domain
        value = saved(node, attribute)
        if isinstance(value, Tensor) and _outside(name, attribute, value):
            return f"{reason}, which is a sum of exponentials" if _of_exponentials(node) else reason
    inputs = [value for attribute in _INPUTS if isinstance(value := saved(node, attribute), Tensor)]
    outputs = [value for attribute in _OUTPUTS if isinstance(value := saved(node, attribute), Tensor)]
    made = any(not bool(torch.isfinite(value).all()) for value in outputs)
    given = any(not bool(torch.isfinite(value).all()) for value in inputs)
    return "its result is not finite though what entered it is" if made and inputs and not given else None


def _of_exponentials(node: Any) -> bool:
    """Whether a logarithm's argument is a sum of exponentials."""
    for word in ("Log", "Sum", "Exp"):
        if node is None or word not in node.name():
            return False
        node = node.next_functions[0][0] if node.next_functions else None
    return True


def _outside(name: str, attribute: str, value: Tensor) -> bool:
    if attribute == "_saved_result":
        return not bool(torch.isfinite(value).all()) or (name == "SqrtBackward0" and bool((value == 0).any()))
    if name == "DivBackward0":
        return bool((value == 0).any())
    if name in ("AcosBackward0", "AsinBackward0"):
        return bool((value.abs() > 1).any())
    return bool((value <= (-1 if name == "Log1PBackward0" else 0)).any())
