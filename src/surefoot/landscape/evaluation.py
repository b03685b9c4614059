"""Evaluate a function at many points of a plane, by the way a short probe finds fastest.

Each batch is loaded once and all points are evaluated on it, so time grows with points x data and memory
does not.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.errors import SettingError, StoreError
from surefoot.landscape.objective import Objective, undisturbed
from surefoot.landscape.probing import WAYS, Plane, Way, choose, traced
from surefoot.surfaces import Floats, read_arrays, write_arrays

Progress = Callable[[int, int], None]

_LOOP_CHUNK = 64  # points between two looks at the clock
_FORMAT = 2  # of the file that keeps what is done
_SAVE_EVERY = 2.0  # seconds


@dataclass(frozen=True)
class Evaluated:
    """Losses (m,) and slopes (m, k) of m points along k directions, and how they were computed.

    Args:
        at_origin: Loss where all coefficients are zero, by the model's own forward pass.
    """

    losses: Floats
    slopes: Floats | None
    at_origin: float
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
    plane = Plane(objective, base, moves, points, slopes)
    work = _Work(plane, resume)
    chosen: Way | None = None
    with undisturbed(objective.data), _threads_kept(), warnings.catch_warnings():
        # An operation that vmap can only loop over is slow, and then another way is taken.
        warnings.filterwarnings("ignore", message="There is a performance drop")
        for index, (batch, weight) in enumerate(objective.batches()):
            if work.skip(index, batch, weight):
                continue
            seen = traced(objective, base, batch, index)
            work.under_way = weight * seen.loss.item()
            if chosen is None:
                trial = choose(plane, batch, index, seen, way)
                chosen, ready = trial.way, trial.ready
                torch.set_num_threads(chosen.threads)
                if work.done == 0:
                    work.add(0, weight, trial.losses, trial.slopes)
            else:
                ready = plane.ready(batch, index, seen if chosen.ahead else None)
            chunk = chosen.chunk if chosen.stacked else _LOOP_CHUNK
            for start in range(work.done, len(points), chunk):
                work.add(start, weight, *chosen.run(ready, points[start : start + chunk], slopes))
                if progress is not None:
                    batches = objective.length or index + 1
                    progress(index * len(points) + work.done, batches * len(points))
            work.finish_batch(weight)
    return work.result(objective, str(chosen or "resumed"))


class _Work:
    """Sums over batches, and the file that keeps them."""

    def __init__(self, plane: Plane, resume: str | Path | None) -> None:
        points = len(plane.points)
        self.losses = np.zeros(points)
        self.slopes = np.zeros((points, len(plane.moves))) if plane.slopes else None
        self.weights = 0.0
        self.at_origin = self.under_way = 0.0  # of the batches finished, of the one under way
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
        self.at_origin, self.under_way = meta["at_origin"], meta["under_way"]
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
        self.at_origin += self.under_way
        self.done = 0

    def _write(self, path: Path) -> None:
        arrays = {"losses": self.losses} | ({} if self.slopes is None else {"slopes": self.slopes})
        names = ("digest", "weights", "at_origin", "under_way", "done", "batches")
        meta = {name: getattr(self, name) for name in names}
        write_arrays(path, arrays, meta)
        self.saved = time.monotonic()

    def result(self, objective: Objective, way: str) -> Evaluated:
        scale = 1.0 if objective.summed else self.weights
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        slopes = None if self.slopes is None else self.slopes / scale
        return Evaluated(self.losses / scale, slopes, self.at_origin / scale, way, objective.stochastic)


def _sparse(objective: Objective, direction: Tensor) -> dict[str, Tensor]:
    """Named parts of a direction; parameters that it does not move are left out."""
    if direction.numel() != objective.size:
        raise SettingError(
            f"a direction of {direction.numel()} entries does not fit {objective.size} parameters"
        )
    parts = objective.unflat(direction.to(objective.device))
    return {name: part for name, part in parts.items() if bool(part.any())}


def _digest(plane: Plane) -> str:
    objective = plane.objective
    digest = hashlib.sha256(
        repr((_FORMAT, objective.mode, objective.seed, objective.summed, plane.slopes)).encode()
    )
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
