"""Whether gradients are cleared between steps, and whether they are there when a step is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Step
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.place import text_of
from surefoot.capture.unseen import all_readable
from surefoot.facts import ClearedBeforeStep, Clearing, Fact, MissingGradients
from surefoot.norms import per_parameter_norms


class _Intervals:
    """Those between the steps of one loop."""

    def __init__(self) -> None:
        self.cleared = 0
        self.uncleared = 0
        self.first_uncleared: int | None = None
        self.leftover_norm: float | None = None
        self.cleared_before_step = 0
        self.without_gradients = 0

    def receive_leftover(self, norms: list[float]) -> None:
        """Take the norms of what was left over."""
        self.leftover_norm = sum(norm * norm for norm in norms) ** 0.5


class ClearingProbe(Probe):
    """Counts the intervals.

    Args:
        loops: The loops of the training.
        deferred: Where device numbers wait for the next flush.
    """

    name = "clearing"

    def __init__(self, loops: Loops, deferred: Deferred) -> None:
        self._loops = loops
        self._deferred = deferred
        self._intervals: dict[Loop, _Intervals] = {}

    def gradients_left_over(self, loop: Loop) -> None:
        """Measure them."""
        found = all_readable(p.grad for p in loop.parameters if p.grad is not None)
        if found:
            intervals = self._intervals.setdefault(loop, _Intervals())
            self._deferred.add(per_parameter_norms(found), intervals.receive_leftover)

    def step_begins(self, step: Step) -> None:
        """Count the interval before it."""
        intervals = self._intervals.get(step.loop)
        if intervals is None:
            intervals = self._intervals[step.loop] = _Intervals()
        if step.cleared:
            intervals.cleared += 1
        elif step.cleared is not None:
            intervals.uncleared += 1
            intervals.first_uncleared = intervals.first_uncleared or step.number
        intervals.cleared_before_step += step.cleared_before
        intervals.without_gradients += step.without_gradients

    def steps_cruised(self, loop: Loop, micro_steps: Mapping[int, int]) -> None:
        """Count the intervals before them."""
        self._intervals.setdefault(loop, _Intervals()).cleared += sum(micro_steps.values())

    def changed_norm_arrived(self, loop: Loop, norm: float, skipped: bool) -> None:
        """What was changed in place into nothing was cleared."""
        if norm == 0.0 and not skipped:
            self._intervals.setdefault(loop, _Intervals()).cleared_before_step += 1

    def facts(self) -> Iterator[Fact]:
        """Three facts for each loop."""
        for loop in self._loops.stepping:
            found = self._intervals.get(loop) or _Intervals()
            yield Clearing(
                loop.subject,
                cleared=found.cleared,
                uncleared=found.uncleared,
                first_uncleared=found.first_uncleared,
                leftover_norm=found.leftover_norm,
            )
            yield ClearedBeforeStep(
                loop.subject,
                count=found.cleared_before_step,
                of=loop.steps,
                step_place=text_of(loop.step_site),
            )
            yield MissingGradients(loop.subject, steps_without_any=found.without_gradients, of=loop.steps)
