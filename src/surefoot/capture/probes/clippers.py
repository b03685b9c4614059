"""The clippers attached to the optimizers."""

from __future__ import annotations

from collections.abc import Iterator

from torch.optim import Optimizer

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Step
from surefoot.capture.loop import Loop
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
        self._seen: dict[int, Clipper] = {}  # by loop: an optimizer may be gone when facts are asked for

    def step_ends(self, step: Step) -> None:
        """Its optimizer is there."""
        if step.loop.index not in self._seen:
            self._look(step.loop)

    def _look(self, loop: Loop) -> None:
        optimizer = loop.optimizer()
        clipper = attached(optimizer) if isinstance(optimizer, Optimizer) else None
        if clipper is not None:
            described = clipper.describe()
            self._seen[loop.index] = Clipper(loop.subject, name=type(clipper).__name__, describe=described)

    def facts(self) -> Iterator[Fact]:
        """One fact for each that has a clipper."""
        for loop in self._loops.stepping:
            self._look(loop)
        yield from self._seen.values()
