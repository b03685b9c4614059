"""The best validation so far, and when to stop waiting for a better one."""

from __future__ import annotations

import math
from typing import Any


class EarlyStopping:
    """Lowest validation loss so far.

    Args:
        patience: Validations without an improvement after which to stop; None never stops.
        improvement: By how much the loss must fall to count, >= 0. Unit: loss.

    Example:
        >>> stopping = EarlyStopping(patience=2)
        >>> [stopping.seen(loss, step) for step, loss in enumerate([1.0, 0.5, 0.6, 0.7])]
        [True, True, False, False]
        >>> stopping.due, stopping.best, stopping.best_step
        (True, 0.5, 1)
    """

    def __init__(self, patience: int | None = None, improvement: float = 0.0) -> None:
        self._patience = patience
        self._improvement = improvement
        self._waited = 0
        self.best = math.inf
        self.best_step: int | None = None

    def seen(self, loss: float, step: int) -> bool:
        """Take in a validation; returns whether it is the best so far."""
        if loss < self.best - self._improvement or (self.best == math.inf and math.isfinite(loss)):
            self.best, self.best_step, self._waited = loss, step, 0
            return True
        self._waited += 1
        return False

    @property
    def due(self) -> bool:
        """Whether patience has run out."""
        return self._patience is not None and self._waited >= self._patience

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"waited": self._waited, "best": self.best, "best_step": self.best_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._waited, self.best, self.best_step = state["waited"], state["best"], state["best_step"]
