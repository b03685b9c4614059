"""Networks that are asked beside the training and not trained: teachers, frozen feature extractors."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Counts
from surefoot.capture.model import Model
from surefoot.capture.place import caller_site, text_of
from surefoot.capture.unseen import readable
from surefoot.facts import Fact, Teacher

_MOST = 200  # looks at the weights of one
_MOST_NAMES = 20


class _Asked:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.asked = 0
        self.in_train = 0
        self.waiting = [0, 0]  # the same since the last step: a call that no step follows teaches nobody
        self.step = 0
        self.looks = 0
        self.modules: list[str] = []
        self.weights: list[float] = []
        self.place = text_of(caller_site())

    def settle(self, steps: int) -> None:
        """Count the calls that a step has followed."""
        if steps > self.step:
            self.asked += self.waiting[0]
            self.in_train += self.waiting[1]
            self.waiting = [0, 0]
            self.step = steps


class TeachersProbe(Probe):
    """Counts the modes in which they are asked, and whether they ever change.

    Args:
        deferred: Where device numbers wait for the next flush.
        counts: How far the training is.
    """

    name = "teachers"

    def __init__(self, deferred: Deferred, counts: Counts) -> None:
        self._deferred = deferred
        self._counts = counts
        self._seen: dict[int, _Asked] = {}

    def untrained_called(self, module: nn.Module, model: Model) -> None:
        """Note its mode and its weights."""
        if not self._counts.steps:
            return  # before the first step nothing is known to be trained
        found = self._seen.get(id(model))
        if found is None:
            found = self._seen[id(model)] = _Asked(model)
        found.settle(self._counts.steps)
        found.waiting[0] += 1
        awake = [name for name, child in model.sensitive if child.training]
        if awake:
            found.waiting[1] += 1
            found.modules = awake[:_MOST_NAMES]
        first = next(iter(module.parameters()), None)
        if first is not None and readable(first) is first and found.looks < _MOST:
            found.looks += 1
            self._deferred.add(first.detach().double().abs().sum(), found.weights.extend)

    def facts(self) -> Iterator[Fact]:
        """One fact for each, by its class."""
        for number, found in enumerate(self._seen.values()):
            if found.model.trained:
                continue
            found.settle(self._counts.steps)
            yield Teacher(
                f"{found.model.name} {number}",
                class_name=found.model.name,
                asked=found.asked,
                in_train=found.in_train,
                modules=tuple(found.modules),
                changed=len(set(found.weights)) > 1 if len(found.weights) > 1 else None,
                place=found.place,
            )
