"""The script's own clipping: how often, of what, and whether it can have an effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.place import Site, caller_site, text_of
from surefoot.capture.unseen import readable
from surefoot.facts import ClipCall, Fact


class _Clip:
    def __init__(self, function: str, limit: float) -> None:
        self.function = function
        self.limit = limit
        self.count = 0
        self.after_step = 0
        self.scaled = 0
        self.covered: list[float] = []
        self.norms: list[float] = []


class ClipCallsProbe(Probe):
    """Counts the calls by their places.

    Args:
        deferred: Where norms wait for the next flush.
        loops: Whose gradients they are.
    """

    name = "clip calls"

    def __init__(self, deferred: Deferred, loops: Loops) -> None:
        self._deferred = deferred
        self._loops = loops
        self._calls: dict[Site | None, _Clip] = {}
        self._scaler: Any = None

    def scaler_scaled(self, scaler: Any) -> None:
        """From now on gradients come scaled."""
        self._scaler = scaler

    def clip_called(self, function: str, parameters: Any, limit: Any, result: Any) -> None:
        """Note one call; `result` is what it returned."""
        site = caller_site()
        call = self._calls.get(site)
        if call is None:
            call = self._calls[site] = _Clip(
                function, float(limit) if isinstance(limit, (int, float)) else float("nan")
            )
        call.count += 1
        loops = [loop for loop in self._loops.own if loop.manual or loop.optimizer() is not None]
        for loop in loops:
            loop.clipped()
        if loops and all(not loop.backward_seen() for loop in loops) and any(loop.steps for loop in loops):
            call.after_step += 1
        if self._scaler is not None and self._still_scaled(loops):
            call.scaled += 1
        # An optimizer that was made before the observation is known from its first step on.
        if loops and len(call.covered) < 50 and isinstance(parameters, (list, tuple)):
            covered = _covered(parameters, loops)
            if covered is not None:
                call.covered.append(covered)
        norm = readable(result) if isinstance(result, Tensor) else None
        if norm is not None and norm.numel() == 1 and len(call.norms) < 2000:
            self._deferred.add(norm.detach().clone(), call.norms.extend)

    def _still_scaled(self, loops: list[Loop]) -> bool:
        states = getattr(self._scaler, "_per_optimizer_states", {})
        optimizers = [loop.optimizer() for loop in loops]
        stages = [states[id(o)]["stage"] for o in optimizers if id(o) in states]
        return bool(self._scaler.is_enabled()) and all(stage.name == "READY" for stage in stages)

    def facts(self) -> Iterator[Fact]:
        """One fact for each place."""
        for site, call in self._calls.items():
            place = text_of(site)
            norms = sorted(call.norms)
            clipped = sum(norm > call.limit for norm in norms) / len(norms) if norms else None
            yield ClipCall(
                str(place),
                function=call.function,
                limit=call.limit,
                count=call.count,
                clipped=clipped,
                after_step=call.after_step,
                scaled=call.scaled,
                place=place,
                covered=min(call.covered) if call.covered else None,
                norm=norms[len(norms) // 2] if norms else None,
            )


def _covered(parameters: Iterable[Any], loops: list[Loop]) -> float | None:
    """Share of a loop's gradients that a call was given, the largest; None where no loop is known to hold any."""
    given = {id(p) for p in parameters if isinstance(p, Tensor)}
    holding = [[p for p in loop.parameters if p.grad is not None] for loop in loops]
    return max((sum(id(p) in given for p in held) / len(held) for held in holding if held), default=None)
