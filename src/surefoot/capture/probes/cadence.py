"""In which order backward and step are called, and by which lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward, Step
from surefoot.capture.host import host_number
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.place import text_of
from surefoot.capture.sampling import Schedule
from surefoot.facts import Cadence, Fact

_SAME_RATIO = 1e-3  # relative spread of ratios that rounding explains
_MOST_RATIOS = 1000


class _Order:
    """What one loop did."""

    def __init__(self) -> None:
        self.micro_steps: Counter[int] = Counter()
        self.without_backward = 0
        self.first_without_backward: int | None = None
        self.root_over_loss: list[float] = []

    def compare(self, numbers: list[float]) -> None:
        """Take what a backward started from and the value of the loss function it came from."""
        root, loss = numbers
        if loss and math.isfinite(root) and math.isfinite(loss) and len(self.root_over_loss) < _MOST_RATIOS:
            self.root_over_loss.append(root / loss)


class CadenceProbe(Probe):
    """Counts the backwards that a step follows, and compares losses with what backward starts from.

    Args:
        loops: The loops of the training.
        deferred: Where device numbers wait for the next flush.
        schedule: Spares norms where they cost too much.
    """

    name = "cadence"

    def __init__(self, loops: Loops, deferred: Deferred, schedule: Schedule) -> None:
        self._schedule = schedule
        self._loops = loops
        self._deferred = deferred
        self._orders: dict[Loop, _Order] = {}

    def graph_inspected(self, backward: Backward) -> None:
        """Where one loss function leads to the backward, hold its value against the root's."""
        value = backward.calls[0].value if len(backward.calls) == 1 else None
        if value is None or backward.loss is None:
            return
        for loop in self._loops.reached_by(backward.inspected_leaves):
            self._compare(self._orders.setdefault(loop, _Order()), backward.loss, value)

    def _compare(self, order: _Order, root: float | Tensor, value: Tensor) -> None:
        number = host_number(value)
        if number is not None and isinstance(root, float):
            order.compare([root, number])
            return
        both = torch.stack([torch.as_tensor(root, device=value.device).float(), value.float()])
        self._deferred.add(both, order.compare)

    def step_ends(self, step: Step) -> None:
        """Count its micro-steps."""
        order = self._orders.get(step.loop)
        if order is None:
            order = self._orders[step.loop] = _Order()
        order.micro_steps[step.micro_steps] += 1
        if step.without_backward:
            order.without_backward += 1
            order.first_without_backward = order.first_without_backward or step.number

    def steps_cruised(self, loop: Loop, micro_steps: Mapping[int, int]) -> None:
        """Count theirs."""
        self._orders.setdefault(loop, _Order()).micro_steps.update(micro_steps)

    def facts(self) -> Iterator[Fact]:
        """One fact for each loop."""
        for loop in self._loops.stepping:
            order = self._orders.get(loop) or _Order()
            usual, count = order.micro_steps.most_common(1)[0] if order.micro_steps else (0, 0)
            yield Cadence(
                loop.subject,
                steps=loop.steps,
                backwards=loop.backwards,
                micro_steps=usual,
                regular=count / loop.steps if loop.steps else None,
                steps_without_backward=order.without_backward,
                first_without_backward=order.first_without_backward,
                closure=loop.closure,
                norms_every=self._schedule.norms_every,
                cleared_unused=loop.interval.unused,
                backward_place=text_of(loop.backward_site),
                step_place=text_of(loop.step_site),
                backward_places=loop.places(),
                root_over_loss=_constant(order.root_over_loss),
            )


def _constant(ratios: list[float]) -> float | None:
    """The ratio that all have in common: a loss that was scaled; None where something was added to it."""
    if not ratios:
        return None
    mean = sum(ratios) / len(ratios)
    spread = max(ratios) - min(ratios)
    return mean if spread <= _SAME_RATIO * abs(mean) else None
