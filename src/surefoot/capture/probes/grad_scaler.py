"""The course of the factor that a GradScaler puts into the loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.facts import Fact, Scaler


class GradScalerProbe(Probe):
    """Follows the scale of the GradScaler, if there is one.

    Args:
        deferred: Where scales wait for the next flush.
    """

    name = "grad scaler"

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._scaler: Any = None
        self._first: float | None = None
        self._updates = 0
        self._skipped = 0
        self._last: Any = None

    def scaler_scaled(self, scaler: Any) -> None:
        """This one is in use."""
        self._scaler = scaler

    def scaler_updated(self, scaler: Any) -> None:
        """Its scale may have changed."""
        self._scaler = scaler
        self._updates += 1
        scale = getattr(scaler, "_scale", None)  # one that is disabled has none
        if isinstance(scale, Tensor):
            self._deferred.add(scale.detach().clone(), lambda v: self._receive(v[0]))

    def _receive(self, scale: float) -> None:
        if self._first is None:
            self._first = scale
        elif scale < self._last:
            self._skipped += 1
        self._last = scale

    def facts(self) -> Iterator[Fact]:
        """The scale's course."""
        if self._scaler is not None and self._first is not None:
            yield Scaler(
                scale_first=self._first,
                scale_last=self._last,
                skipped=self._skipped,
                steps=self._updates,
                enabled=bool(self._scaler.is_enabled()),
            )
