"""Keeps surefoot's own faults away from the training: each is noted once and said at the end."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from torch._C import DisableTorchFunction
from torch._C import _len_torch_dispatch_stack as _dispatch_modes

from surefoot.capture.unseen import unseen
from surefoot.facts import Defect, Fact
from surefoot.interrupts import pass_on

_F = TypeVar("_F", bound=Callable[..., Any])
_MOST = 3  # faults of one part after which that part is left alone


class Guard:
    """Runs callbacks, hidden from the script's modes, and swallows what they raise.

    Args:
        give_up: Called with a sentence when the core itself keeps failing.
    """

    def __init__(self, give_up: Callable[[str], None]) -> None:
        self.faults: dict[str, tuple[str, int]] = {}
        self._give_up = give_up

    def run(self, part: str, call: Callable[[], None]) -> None:
        """Call; an ordinary exception is noted under `part`, what ends a program passes."""
        count = self.faults[part][1] if part in self.faults else 0
        if count >= _MOST:
            return
        try:
            unseen(call)
        except Exception as error:
            pass_on(error)
            self._note(part, count, error)

    def caught(self, part: str, error: Exception) -> bool:
        """Note a fault under `part`; True: the part is to be left alone from now on."""
        pass_on(error)
        count = self.faults[part][1] if part in self.faults else 0
        self._note(part, count, error)
        return count + 1 >= _MOST

    def _note(self, part: str, count: int, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        self.faults[part] = (f"{type(error).__name__}: {error} ({last.name}, line {last.lineno})", count + 1)
        if part == "core" and count + 1 >= _MOST:
            self._give_up(f"internal error: {self.faults[part][0]}")

    def part(self, part: str, method: _F) -> _F:
        """The same as a wrapper, for what is called at each step."""
        count = 0

        @functools.wraps(method)
        def guarded(*args: Any) -> Any:
            nonlocal count
            if count >= _MOST:
                return None
            try:
                # As `unseen` does, without its call.
                with DisableTorchFunction():
                    if not _dispatch_modes():
                        return method(*args)
                    return unseen(method, *args)
            except Exception as error:
                pass_on(error)
                self._note(part, count, error)
                count += 1
                return None

        return guarded  # type: ignore[return-value]

    def facts(self) -> Iterator[Fact]:
        """Each part's fault."""
        for part, (message, count) in list(self.faults.items()):
            yield Defect(part, message=message, count=count)
