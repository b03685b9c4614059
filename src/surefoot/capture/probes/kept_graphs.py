"""Losses of earlier steps that the script still holds together with their graphs."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.place import caller_frame, text_of
from surefoot.facts import Fact, KeptGraphs

_MOST = 200  # roots that are remembered, terms that are followed, variables that are looked at


class KeptGraphsProbe(Probe):
    """Counts them at inspected steps; it holds none itself."""

    name = "kept graphs"

    def __init__(self) -> None:
        self._roots: list[weakref.ref[Tensor]] = []
        self._before = -1  # sequence number of the root before
        self._inspected = 0
        self._held = 0
        self._terms = 0
        self._place: str | None = None

    def graph_inspected(self, backward: Backward) -> None:
        """Count the roots that still live, and the terms of sums that reach back beyond the last one."""
        root = backward.root
        if root is None or root.grad_fn is None:
            return
        alive = [
            t for ref in self._roots if (t := ref()) is not None and t is not root and t.grad_fn is not None
        ]
        terms = max((_old_terms(value.grad_fn, self._before) for value in _scalars(root)), default=0)
        self._inspected += 1
        self._held, self._terms = max(self._held, len(alive)), max(self._terms, terms)
        self._place = text_of(backward.site)
        if len(self._roots) < _MOST:
            self._roots.append(weakref.ref(root))
        self._before = root.grad_fn._sequence_nr()

    def facts(self) -> Iterator[Fact]:
        """Its counts, once a graph was read."""
        if self._inspected:
            yield KeptGraphs(held=self._held, terms=self._terms, looked=self._inspected, place=self._place)


def _scalars(root: Tensor) -> Iterator[Tensor]:
    """Scalars with a graph in the variables of the function that calls backward, and in the objects that they hold."""
    frame = caller_frame()
    for value in list(frame.f_locals.values())[:_MOST] if frame is not None else ():
        held = [value] if isinstance(value, Tensor) else _attributes(value)
        for tensor in held:
            if tensor is not root and tensor.numel() == 1 and tensor.grad_fn is not None:
                yield tensor


def _attributes(value: Any) -> list[Tensor]:
    if isinstance(value, (nn.Module, type)):
        return []
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    return [item for item in list(own.values())[:_MOST] if type(item) is Tensor] if type(own) is dict else []


def _old_terms(node: Any, before: int) -> int:
    """How many additions of a sum were made before the operation with this number."""
    count = followed = 0
    while node is not None and "Add" in node.name() and followed < _MOST:
        followed += 1
        count += node._sequence_nr() < before
        node = node.next_functions[0][0] if node.next_functions else None
    return count
