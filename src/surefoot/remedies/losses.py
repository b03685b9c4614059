"""Calls of loss functions, rewritten by remedies or only measured as they would be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from surefoot.remedies.measure import Measure


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a loss function.

    Args:
        function: Its name in torch.nn.functional.
        input: First argument.
        target: Second.
        args: Those after them.
        kwargs: By name.
    """

    function: str
    input: Tensor
    target: Tensor
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] | None = None

    def given(self, name: str, value: Any) -> Call:
        """The same with one more argument by name."""
        return replace(self, kwargs={**(self.kwargs or {}), name: value})


class Rewriter(Protocol):
    """What a remedy makes of a call."""

    def rewritten(self, call: Call) -> Call:
        """As it is to be called."""

    def measured(self, call: Call, applied: bool) -> Call:
        """As losses are compared by, of a call as the script makes it or, `applied`, of the rewritten one."""


class Rewriting:
    """All that is changed in the calls of loss functions.

    Args:
        measure: Gets the losses as they are compared by.
    """

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._rewriters: list[tuple[Rewriter, bool]] = []
        self._inside = False

    @property
    def active(self) -> bool:
        """Whether loss functions are to be wrapped."""
        return bool(self._rewriters)

    @property
    def measured(self) -> bool:
        """Whether steps are to be told to the measure."""
        return self.active

    def add(self, rewriter: Rewriter, applied: bool) -> None:
        """Let calls be rewritten, or only measured."""
        self._rewriters.append((rewriter, applied))

    def wrapper(self, function: str) -> Callable[[Any], Any]:
        """A patch of a loss function."""

        def make(original: Any) -> Any:
            # Beneath the observation's own wrapper: what is only measured is no call of the training's.
            plain = getattr(original, "__wrapped__", original)

            def loss(*args: Any, **kwargs: Any) -> Any:
                call = None if self._inside else _call(function, args, kwargs)
                if call is None or torch.compiler.is_compiling():
                    return original(*args, **kwargs)
                self._inside = True
                try:
                    return self._called(call, original, plain)
                finally:
                    self._inside = False

            return loss

        return make

    def _called(self, call: Call, original: Any, plain: Any) -> Any:
        applied = call
        for rewriter, acts in self._rewriters:
            applied = rewriter.rewritten(applied) if acts else applied
        measured = applied
        for rewriter, acts in reversed(self._rewriters):
            measured = rewriter.measured(measured, acts)
        result = _made(original, applied)
        with torch.no_grad():
            value = result.detach() if measured is applied else _made(plain, measured)
        self._measure.note(value, applied.input)
        return result


def _call(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    named = dict(kwargs)
    rest = list(args)
    given = [rest.pop(0) if rest else named.pop(name, None) for name in ("input", "target")]
    if not all(isinstance(each, Tensor) for each in given):
        return None
    return Call(function, given[0], given[1], tuple(rest), named)


def _made(function: Any, call: Call) -> Tensor:
    result: Tensor = function(call.input, call.target, *call.args, **(call.kwargs or {}))
    return result
