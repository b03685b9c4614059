"""Which way of evaluating a plane is the fastest, found by trying them on its first points."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from surefoot.errors import SettingError
from surefoot.landscape.objective import Objective, seed_all
from surefoot.landscape.tracing import Trace, trace
from surefoot.landscape.ways import PlaneBatch

WAYS = ("loop", "loop, computed ahead", "stacked", "stacked, computed ahead")

_STACK_ENTRIES = 2**19  # entries of the largest tensor of a stacked chunk: it should stay in the cache
_AGREE = 1e-3  # a way whose losses differ by more (relative) from the loop's is not used
_HOPELESS, _SLOWER = 2.5, 1.3  # in seconds of the best way: a first trial, a later one that is not repeated
_FEW = 4  # points of a trial of a loop
_TOO_SHORT = 0.05  # seconds: looking for a better way would take longer than the work


@dataclass(frozen=True)
class Way:
    """How to evaluate: a name of WAYS, points a chunk, torch threads."""

    name: str
    chunk: int
    threads: int

    @property
    def ahead(self) -> bool:
        """Whether what can be is computed ahead."""
        return self.name.endswith("ahead")

    @property
    def stacked(self) -> bool:
        """Whether a chunk's points are evaluated at once."""
        return self.name.startswith("stacked")

    def __str__(self) -> str:
        return f"{self.name}, {self.chunk} points at a time, {self.threads} threads"

    def run(self, ready: PlaneBatch, points: Tensor, slopes: bool) -> tuple[Tensor, Tensor | None]:
        """Losses (m,) and slopes (m, k) of points (m, k)."""
        return ready.stacked(points, slopes) if self.stacked else ready.loop(points, slopes)


@dataclass(frozen=True)
class Plane:
    """What all points share."""

    objective: Objective
    base: Mapping[str, Tensor]
    moves: Sequence[Mapping[str, Tensor]]
    points: Tensor
    slopes: bool

    def ready(self, batch: Any, index: int, ahead: Trace | None) -> PlaneBatch:
        """One batch made ready, with what can be computed ahead if a trace is given."""
        return PlaneBatch(self.objective, self.base, self.moves, batch, index, ahead)


@dataclass(frozen=True)
class Trial:
    """A way that was tried on the first points: what it gave, and seconds a point."""

    way: Way
    ready: PlaneBatch
    losses: Tensor
    slopes: Tensor | None
    seconds: float


def choose(plane: Plane, batch: Any, index: int, seen: Trace, name: str | None) -> Trial:
    """The fastest way on the first points themselves; only ways that agree with the loop are taken."""
    points, most = plane.points, torch.get_num_threads()
    most_stacked = max(1, _STACK_ENTRIES // seen.largest)
    chunk = -(-len(points) // -(-len(points) // most_stacked))  # chunks of even size
    names = [w for w in WAYS if seen.helps or not w.endswith("ahead")]
    if plane.objective.stochastic or chunk < 4:  # stacked, the masks would not be the loop's
        names = [w for w in names if w.startswith("loop")]
    if name is not None:
        return _try(Way(name, chunk, most), plane, batch, index, seen)
    plain, _ = plane.ready(batch, index, None).loop(points[:2], plane.slopes)
    best: Trial | None = None
    for candidate in reversed(names):  # the likeliest first
        ready = None
        for threads in dict.fromkeys((1, most)):
            try:
                trial = _try(Way(candidate, chunk, threads), plane, batch, index, seen, ready)
                ready = trial.ready
                if trial.seconds * len(points) < _TOO_SHORT and _agree(trial.losses, plain):
                    return trial
                bar = best.seconds if best is not None else math.inf
                if trial.seconds < _HOPELESS * bar:
                    trial = _timed_again(trial, plane, bar)
            except SettingError:
                raise
            except Exception:  # vmap has no rule for some operations: such a way is not open to this model
                break
            if not _agree(trial.losses, plain):
                break
            if best is None or trial.seconds < best.seconds:
                best = trial
    return best or _try(Way("loop", chunk, most), plane, batch, index, seen)


def _timed_again(first: Trial, plane: Plane, bar: float) -> Trial:
    """The quickest of three more trials, as the first loads code; no more of them once one is far above the bar."""
    trials = []
    for _ in range(3):
        trials.append(_timed(first.way, plane, first.ready))
        if trials[-1].seconds > _SLOWER * bar:
            break
    return min(trials, key=lambda trial: trial.seconds)


def _try(
    way: Way, plane: Plane, batch: Any, index: int, seen: Trace, ready: PlaneBatch | None = None
) -> Trial:
    torch.set_num_threads(way.threads)
    return _timed(way, plane, ready or plane.ready(batch, index, seen if way.ahead else None))


def _timed(way: Way, plane: Plane, ready: PlaneBatch) -> Trial:
    some = plane.points[: way.chunk if way.stacked else _FEW]
    device = plane.objective.device
    _wait(device)
    start = time.perf_counter()
    losses, slopes = way.run(ready, some, plane.slopes)
    _wait(device)
    return Trial(way, ready, losses, slopes, (time.perf_counter() - start) / len(some))


def _agree(losses: Tensor, plain: Tensor) -> bool:
    pairs = zip(losses[: len(plain)].tolist(), plain.tolist(), strict=True)
    return all(math.isclose(a, b, rel_tol=_AGREE, abs_tol=1e-6) or (a != a and b != b) for a, b in pairs)


def traced(objective: Objective, base: Mapping[str, Tensor], batch: Any, index: int) -> Trace:
    """Trace the batch, and see whether a forward pass draws random numbers."""
    objective.stochastic = True
    seed_all(objective.seed + 1 + index, objective.device)
    before = _random_states(objective.device)
    seen = trace(objective, base, batch, index)  # seeds likewise
    after = _random_states(objective.device)
    objective.stochastic = any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    return seen


def _random_states(device: torch.device) -> list[Tensor]:
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
