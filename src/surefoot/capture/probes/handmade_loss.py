"""Losses that no loss function made, read from their operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph import handmade_loss
from surefoot.capture.place import text_of
from surefoot.facts import Fact, ManualLoss

_MOST_READ = 5  # of one place


class HandmadeLossProbe(Probe):
    """Reads them at their first inspected steps."""

    name = "handmade loss"

    def __init__(self) -> None:
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

    def facts(self) -> Iterator[Fact]:
        """One fact for each place."""
        for place, data in self._places.items():
            yield ManualLoss(place, **data)
