"""Evaluate a function at many points of a plane, by the way a short probe finds fastest.

Each batch is loaded once and all points are evaluated on it, so time grows with points x data and memory
does not.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.errors import SettingError, StoreError
from surefoot.landscape.objective import Objective, seed_all, undisturbed
from surefoot.landscape.ways import PlaneBatch, Trace, trace
from surefoot.surfaces import Floats, read_arrays, write_arrays

Progress = Callable[[int, int], None]
WAYS = ("loop", "loop, computed ahead", "stacked", "stacked, computed ahead")

_STACK_ENTRIES = 2**18  # entries of the largest tensor of a stacked chunk: it should stay in the cache
_LOOP_CHUNK = 64  # points between two looks at the clock
_AGREE = 1e-3  # a way whose losses differ by more (relative) from the loop's is not used
_SAVE_EVERY = 2.0  # seconds
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


@dataclass(frozen=True)
class Evaluated:
    """Losses (m,) and slopes (m, k) of m points along k directions, and how they were computed."""

    losses: Floats
    slopes: Floats | None
    way: str
    stochastic: bool


def evaluate(
    objective: Objective,
    directions: Sequence[Tensor],
    coefficients: NDArray[np.floating[Any]],
    *,
    origin: Tensor | None = None,
    slopes: bool = False,
    way: str | None = None,
    progress: Progress | None = None,
    resume: str | Path | None = None,
) -> Evaluated:
    """Loss (and slope) at origin + sum_i c_i d_i for each row c of the coefficients.

    Args:
        objective: The function.
        directions: k vectors of shape (size,).
        coefficients: Shape (m, k).
        origin: Shape (size,); by default the trained point, which coefficients of zero then meet exactly.
        slopes: Also d loss / d c.
        way: A name of WAYS; by default what a short probe finds fastest.
        progress: Called with (evaluations done, evaluations in all); one evaluation is a point on a batch.
        resume: File that keeps what is done, so that a run that was killed goes on; removed at the end.

    Raises:
        SettingError: An unknown way, or directions of another size.
    """
    if way is not None and way not in WAYS:
        raise SettingError(f"there is no way {way!r} to evaluate; choose one of {', '.join(WAYS)}")
    base = objective.base if origin is None else objective.unflat(origin)
    moves = [_sparse(objective, d) for d in directions]
    dtype = next(iter(objective.base.values())).dtype
    points = torch.as_tensor(np.asarray(coefficients), dtype=dtype).to(objective.device)
    plane = _Plane(objective, base, moves, points, slopes)
    work = _Work(plane, resume)
    chosen: Way | None = None
    with undisturbed(objective.data), _threads_kept(), warnings.catch_warnings():
        # An operation that vmap can only loop over is slow, and then another way is taken.
        warnings.filterwarnings("ignore", message="There is a performance drop")
        for index, (batch, weight) in enumerate(objective.batches()):
            if work.skip(index, batch, weight):
                continue
            seen = _traced(objective, base, batch, index)
            if chosen is None:
                trial = _choose(plane, batch, index, seen, way)
                chosen, ready = trial.way, trial.ready
                torch.set_num_threads(chosen.threads)
                if work.done == 0:
                    work.add(0, weight, trial.losses, trial.slopes)
            else:
                ready = plane.ready(batch, index, seen if chosen.ahead else None)
            run = ready.stacked if chosen.stacked else ready.loop
            chunk = chosen.chunk if chosen.stacked else _LOOP_CHUNK
            for start in range(work.done, len(points), chunk):
                work.add(start, weight, *run(points[start : start + chunk], slopes))
                if progress is not None:
                    batches = objective.length or index + 1
                    progress(index * len(points) + work.done, batches * len(points))
            work.finish_batch(weight)
    return work.result(objective, str(chosen or "resumed"))


class _Work:
    """Sums over batches, and the file that keeps them."""

    def __init__(self, plane: _Plane, resume: str | Path | None) -> None:
        points = len(plane.points)
        self.losses = np.zeros(points)
        self.slopes = np.zeros((points, len(plane.moves))) if plane.slopes else None
        self.weights = 0.0
        self.done = 0  # points of the batch under way
        self.batches: list[str] = []  # digests of the batches begun
        self.resumed: list[str] = []
        self.path = None if resume is None else Path(resume)
        self.digest = "" if self.path is None else _digest(plane)
        self.saved = time.monotonic()
        if self.path is not None and self.path.exists():
            self._read(self.path)

    def _read(self, path: Path) -> None:
        arrays, meta = read_arrays(path)
        if meta.get("digest") != self.digest:
            raise SettingError(
                f"{path} keeps another landscape (other parameters, points or settings); "
                "delete it or name another file"
            )
        self.losses, self.weights, self.done = arrays["losses"], meta["weights"], meta["done"]
        if self.slopes is not None:
            self.slopes = arrays["slopes"]
        self.resumed = meta["batches"]

    def skip(self, index: int, batch: Any, weight: float) -> bool:
        """Whether this batch was finished before; begins it otherwise."""
        if self.path is None:
            return False
        digest = _batch_digest(batch)
        self.batches.append(digest)
        if index >= len(self.resumed):
            return False
        if self.resumed[index] != digest:
            raise StoreError(
                f"{self.path} keeps part of a landscape over other data (batch {index} differs); "
                "delete it to start anew"
            )
        if index == len(self.resumed) - 1 and self.done == len(self.losses):  # killed between two batches
            self.finish_batch(weight)
            return True
        return index < len(self.resumed) - 1

    def add(self, start: int, weight: float, losses: Tensor, slopes: Tensor | None) -> None:
        stop = start + len(losses)
        self.losses[start:stop] += weight * losses.double().cpu().numpy()
        if self.slopes is not None and slopes is not None:
            self.slopes[start:stop] += weight * slopes.double().cpu().numpy()
        self.done = stop
        if self.path is not None and time.monotonic() - self.saved > _SAVE_EVERY:
            self._write(self.path)

    def finish_batch(self, weight: float) -> None:
        self.weights += weight
        self.done = 0

    def _write(self, path: Path) -> None:
        arrays = {"losses": self.losses} | ({} if self.slopes is None else {"slopes": self.slopes})
        meta = {"digest": self.digest, "weights": self.weights, "done": self.done, "batches": self.batches}
        write_arrays(path, arrays, meta)
        self.saved = time.monotonic()

    def result(self, objective: Objective, way: str) -> Evaluated:
        scale = 1.0 if objective.summed else self.weights
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        slopes = None if self.slopes is None else self.slopes / scale
        return Evaluated(self.losses / scale, slopes, way, objective.stochastic)


@dataclass(frozen=True)
class _Plane:
    """What all points share."""

    objective: Objective
    base: Mapping[str, Tensor]
    moves: Sequence[Mapping[str, Tensor]]
    points: Tensor
    slopes: bool

    def ready(self, batch: Any, index: int, ahead: Trace | None) -> PlaneBatch:
        return PlaneBatch(self.objective, self.base, self.moves, batch, index, ahead)


@dataclass(frozen=True)
class _Trial:
    """A way that was tried on the first points: what it gave, and seconds a point."""

    way: Way
    ready: PlaneBatch
    losses: Tensor
    slopes: Tensor | None
    seconds: float


def _choose(plane: _Plane, batch: Any, index: int, seen: Trace, name: str | None) -> _Trial:
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
    best: _Trial | None = None
    for candidate in reversed(names):  # the likeliest first
        for threads in dict.fromkeys((1, most)):
            try:
                trial = _try(Way(candidate, chunk, threads), plane, batch, index, seen)
                if trial.seconds * len(points) < _TOO_SHORT and _agree(trial.losses, plain):
                    return trial
                trials = [
                    _try(trial.way, plane, batch, index, seen) for _ in range(3)
                ]  # the first loads code
                trial = min(trials, key=lambda t: t.seconds)
            except SettingError:
                raise
            except Exception:  # vmap has no rule for some operations: such a way is not open to this model
                break
            if not _agree(trial.losses, plain):
                break
            if best is None or trial.seconds < best.seconds:
                best = trial
    return best or _try(Way("loop", chunk, most), plane, batch, index, seen)


def _try(way: Way, plane: _Plane, batch: Any, index: int, seen: Trace) -> _Trial:
    torch.set_num_threads(way.threads)
    ready = plane.ready(batch, index, seen if way.ahead else None)
    some = plane.points[: way.chunk] if way.stacked else plane.points[:4]
    device = plane.objective.device
    _wait(device)
    start = time.perf_counter()
    losses, slopes = (ready.stacked if way.stacked else ready.loop)(some, plane.slopes)
    _wait(device)
    return _Trial(way, ready, losses, slopes, (time.perf_counter() - start) / len(some))


def _agree(losses: Tensor, plain: Tensor) -> bool:
    return torch.allclose(losses[: len(plain)], plain, rtol=_AGREE, atol=1e-6, equal_nan=True)


def _traced(objective: Objective, base: Mapping[str, Tensor], batch: Any, index: int) -> Trace:
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


def _sparse(objective: Objective, direction: Tensor) -> dict[str, Tensor]:
    """Named parts of a direction; parameters that it does not move are left out."""
    if direction.numel() != objective.size:
        raise SettingError(
            f"a direction of {direction.numel()} entries does not fit {objective.size} parameters"
        )
    parts = objective.unflat(direction.to(objective.device))
    return {name: part for name, part in parts.items() if bool(part.any())}


def _digest(plane: _Plane) -> str:
    objective = plane.objective
    digest = hashlib.sha256(repr((objective.mode, objective.seed, objective.summed, plane.slopes)).encode())
    for part in (plane.base, *plane.moves, {"points": plane.points}):
        for name, value in part.items():
            digest.update(name.encode())
            digest.update(value.detach().double().cpu().numpy().tobytes())
    return digest.hexdigest()


def _batch_digest(batch: Any) -> str:
    digest = hashlib.sha256()

    def take(value: Any) -> None:
        if isinstance(value, Tensor):
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for item in value.values():
                take(item)
        elif isinstance(value, (tuple, list)):
            for item in value:
                take(item)

    take(batch)
    return digest.hexdigest()


@contextmanager
def _threads_kept() -> Iterator[None]:
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
