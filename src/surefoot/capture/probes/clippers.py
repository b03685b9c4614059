"""The clippers attached to the optimizers."""

from __future__ import annotations

from collections.abc import Iterator

from torch.optim import Optimizer

from surefoot.capture.events.probe import Probe
from surefoot.capture.loops import Loops
from surefoot.clipping import attached
from surefoot.facts import Clipper, Fact


class ClippersProbe(Probe):
    """Asks each optimizer that steps what clips it.

    Args:
        loops: The optimizers.
    """

    name = "clippers"

    def __init__(self, loops: Loops) -> None:
        self._loops = loops

    def facts(self) -> Iterator[Fact]:
        """One fact for each that has a clipper."""
        for loop in self._loops.stepping:
            optimizer = loop.optimizer()
            clipper = attached(optimizer) if isinstance(optimizer, Optimizer) else None
            if clipper is not None:
                yield Clipper(loop.subject, name=type(clipper).__name__, describe=clipper.describe())
