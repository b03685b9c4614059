"""Losses that no loss function made, read from their operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph import handmade_loss
from surefoot.capture.place import text_of
from surefoot.capture.unseen import readable
from surefoot.facts import Fact, ManualLoss, Spread
from surefoot.quantities import batches

_MOST_READ = 5  # of one place


class HandmadeLossProbe(Probe):
    """Reads them at their first inspected steps.

    Args:
        deferred: Where device numbers wait for the next flush.
    """

    name = "handmade loss"

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._places: dict[str, dict[str, Any]] = {}

    def graph_inspected(self, backward: Backward) -> None:
        """Read the operations near the loss, where no loss function stands among them."""
        seen = backward.graph
        if seen is None or backward.calls:
            return
        place = text_of(backward.site)
        data = self._places.setdefault(place or "unknown place", {"looks": 0, "place": place})
        data["looks"] += 1
        if data["looks"] > _MOST_READ:
            return
        names = [node.name() for node in seen.nodes[:40]]
        data["root"] = names[0]
        data["operations"] = tuple(names[:12])
        data["broadcast"] = handmade_loss.broadcast(seen)
        data["sum_root"] = handmade_loss.summed(seen)
        data["probabilities"], data["log_of_zero_risk"] = handmade_loss.probabilities(seen)
        data["batch_size"] = backward.batch_size
        data["classes"] = handmade_loss.classes(seen)
        root, output = backward.root, backward.output
        if root is not None and readable(root) is root:  # other classes are told of what is asked
            plain = output if output is not None and readable(output) is output else None
            self._measure(root, handmade_loss.squared_error(seen, plain), data)

    def _measure(self, root: Tensor, squared: tuple[Tensor, Tensor] | None, data: dict[str, Any]) -> None:
        """The loss, and where it squares a difference, what that is made of."""
        loss = root.detach().float().mean().reshape(1)
        if squared is None:
            self._deferred.add(loss, lambda numbers: _receive(data, [], numbers))
            return
        difference, target = squared
        numbers = [batches.summary(target), loss / difference.float().square().mean(), loss]
        self._deferred.add(torch.cat(numbers), lambda found: _receive(data, found[:5], found[5:]))

    def facts(self) -> Iterator[Fact]:
        """One fact for each place."""
        for place, data in self._places.items():
            yield ManualLoss(place, **{**data, "target": _joint(data.get("target", ()))})


def _receive(data: dict[str, Any], target: list[float], numbers: list[float]) -> None:
    data.setdefault("first_value", numbers[-1])
    if target and not target[-1]:  # a prediction that is not finite hides what it was held against
        data.setdefault("target", []).append(target)
        data.setdefault("per_square", numbers[0])


def _joint(targets: Sequence[list[float]]) -> Spread | None:
    if not targets:
        return None
    low, high, *means = zip(*targets, strict=True)
    return Spread(min(low), max(high), *(sum(column) / len(column) for column in means))
