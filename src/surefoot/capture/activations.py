"""The nonlinearities of a training: which one is which, and their names."""

from __future__ import annotations

from surefoot.capture.parameters import Parameters
from surefoot.records import ActivationInfo

Key = tuple[str, int, int]  # the function, the parameter before it, its turn among those of the same


class Activations:
    """Registry of nonlinearities, in the order they are met.

    Args:
        parameters: Give the names.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._met: dict[Key, tuple[int, int]] = {}  # its number, and how many units it has

    def index_of(self, key: Key, units: int) -> int:
        """Its number; a new one is registered."""
        return self._met.setdefault(key, (len(self._met), units))[0]

    def since(self, count: int) -> list[ActivationInfo]:
        """Records of those met after the first `count`."""
        return [self._described(*item) for item in list(self._met.items())[count:]]

    def _described(self, key: Key, numbered: tuple[int, int]) -> ActivationInfo:
        # Named now: at the step that met it first, its model may not have had its turn.
        function, after, turn = key
        index, units = numbered
        where = f" after {self._parameters.name_at(after)}" if after >= 0 else ""
        again = f" #{turn + 1}" if turn else ""
        return ActivationInfo(index, f"{function}{where}{again}", function, units)
