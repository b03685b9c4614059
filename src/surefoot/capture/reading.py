"""The numbers that a script reads from tensors, heard while an evaluation is under way and at no other time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from threading import get_ident
from typing import Any

from torch import Tensor

from surefoot.capture.patches import UNCOUNTED
from surefoot.capture.traced import traced

_METHODS = ("item", "__float__")  # formatting reads by `item`


class Reading:
    """Replaces the methods that read a number, which `torch.Tensor` inherits: taken back, nothing of it is left.

    Args:
        heard: Called with the tensor and its number.
    """

    def __init__(self, heard: Callable[[Tensor, Any], None]) -> None:
        self._heard = heard
        self._ours: dict[str, Any] = {}
        self._allowed = True
        self._thread = 0

    def begin(self) -> None:
        """Listen, unless somebody else has replaced the methods."""
        if self._ours or not self._allowed or any(name in vars(Tensor) for name in _METHODS):
            return
        self._thread = get_ident()
        self._ours = {name: self._wrapper(getattr(Tensor, name)) for name in _METHODS}
        for name, ours in self._ours.items():
            setattr(Tensor, name, ours)

    def end(self) -> None:
        """Listen no more."""
        ours, self._ours = self._ours, {}
        for name, wrapper in ours.items():
            if vars(Tensor).get(name) is wrapper:
                delattr(Tensor, name)

    def forbid(self) -> None:
        """Listen no more, ever."""
        self.end()
        self._allowed = False

    def _wrapper(self, original: Any) -> Any:
        def read(tensor: Tensor) -> Any:
            number = original(tensor)
            if self._ours and get_ident() == self._thread and not traced():
                self._heard(tensor, number)
            return number

        read.__code__ = read.__code__.replace(co_filename=UNCOUNTED)
        wrapped = functools.wraps(original)(read)
        setattr(wrapped, "__script_if_tracing_wrapper", True)
        setattr(wrapped, "__original_fn", original)
        return wrapped
