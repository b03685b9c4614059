"""Whether a training runs away, judged by numbers that have reached the host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

WINDOW = 10  # losses in a mean
FEW = 3  # first losses that later ones are held against; more would take in a run that explodes at once
TIMES = 1000.0  # how many times the first mean counts as run away
STILL_GOOD = 10.0  # up to how many times the first mean a checkpoint is one to go back to


class Divergence:
    """Losses against the first ones of the run.

    A training has diverged when WINDOW losses in a row are not finite, or when the mean of the last WINDOW is
    more than TIMES that of the first FEW. Single losses that are not finite do no harm: their steps are left
    out.
    """

    def __init__(self) -> None:
        self._first: list[float] = []
        self._recent: list[float] = []

    def seen(self, losses: Sequence[float]) -> str | None:
        """Take in losses; returns why the training has diverged, or None."""
        for loss in losses:
            if math.isfinite(loss) and len(self._first) < FEW:
                self._first.append(loss)
            self._recent = [*self._recent[-WINDOW + 1 :], loss]
            if len(self._recent) == WINDOW and not any(map(math.isfinite, self._recent)):
                return f"the last {WINDOW} losses were not finite"
            if len(self._recent) == WINDOW and self._times() > TIMES:
                return f"the loss is more than {TIMES:g} times what it was at the start"
        return None

    @property
    def healthy(self) -> bool:
        """Whether the present state is one to go back to."""
        return all(map(math.isfinite, self._recent)) and self._times() <= STILL_GOOD

    def _times(self) -> float:
        """Last mean over first mean; 0 where that says nothing."""
        finite = [loss for loss in self._recent if math.isfinite(loss)]
        if len(self._first) < FEW or not finite:
            return 0.0
        first = sum(self._first) / FEW
        return sum(finite) / len(finite) / first if first > 0 else 0.0

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {"first": self._first, "recent": self._recent}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self._first, self._recent = list(state["first"]), list(state["recent"])
