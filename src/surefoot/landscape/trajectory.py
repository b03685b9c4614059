"""Trajectories: recording the parameters along a training, and where they lie on a plane.

Small models are kept whole. Of large ones a seeded sketch is kept: each parameter gets a random sign and is
added into one of some thousand sums, which keeps inner products up to a relative error near sqrt(2 / sums);
and a few whole vectors (anchors), from which the directions of a plane are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from surefoot.errors import SettingError
from surefoot.landscape.directions import check_layout
from surefoot.landscape.objective import Objective
from surefoot.surfaces import Floats, Path, Trajectory

SUMS = 2039  # a prime, so that the columns of a weight matrix do not fall into the same sums
ANCHORS = 9


class TrajectoryRecorder:
    """Keeps the parameters of a model at the steps it is told, within a budget of memory.

    Args:
        model: Its trainable parameters are kept.
        name: What the path is called on a picture.
        every: Keep every so many steps; doubled, and every second point dropped, when the budget is full.
        budget: Bytes on the model's device.
        seed: Of the sketch.

    Effects: copies on the device; no host synchronisation until `trajectory()`.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> recorder = TrajectoryRecorder(model, name="SGD")
        >>> with recorder.following(optimizer):
        ...     for _ in range(3):
        ...         optimizer.zero_grad()
        ...         loss = model(torch.ones(4, 1)).square().mean()
        ...         loss.backward()
        ...         recorder.loss(loss)
        ...         _ = optimizer.step()
        >>> recorder.trajectory().steps
        array([0, 1, 2, 3])
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str = "path",
        every: int = 1,
        budget: int = 64 * 2**20,
        seed: int = 0,
    ) -> None:
        if every < 1:
            raise SettingError(f"every is {every}; record every step (1) or fewer")
        named = [(n, p) for n, p in model.named_parameters() if p.is_floating_point()]
        self._named = [(n, p) for n, p in named if p.requires_grad] or named
        if not self._named:
            raise SettingError(f"{type(model).__name__} has no parameter to record")
        size = sum(p.numel() for _, p in self._named)
        self.name, self.every, self.seed = name, every, seed
        self.sketched = size * 4 * 64 > budget  # fewer than 64 whole points would fit
        per_point = 4 * (min(SUMS, size) if self.sketched else size)
        anchors = ANCHORS * size * 4 if self.sketched else 0
        self._most = max(64, (budget - anchors) // per_point)
        self._signs: Tensor | None = None
        self._points: list[tuple[int, Tensor]] = []
        self._anchors: list[tuple[int, Tensor]] = []
        self._losses: dict[int, Tensor | float] = {}
        self._step = 0
        self._anchor_every = 1

    def record(self, loss: Tensor | float | None = None, *, step: int | None = None) -> None:
        """Keep the parameters as they are now, after `step` optimizer steps."""
        at = self._step if step is None else step
        if loss is not None:
            self._losses[at] = loss.detach() if isinstance(loss, Tensor) else loss
        if at % self.every == 0:
            self._keep(at)
        self._step = at + 1

    def loss(self, loss: Tensor | float) -> None:
        """The loss at the point recorded last."""
        self._losses[self._step - 1] = loss.detach() if isinstance(loss, Tensor) else loss

    @contextmanager
    def following(self, optimizer: torch.optim.Optimizer) -> Iterator[TrajectoryRecorder]:
        """Record now, and after every step of the optimizer until the block is left."""
        self.record()

        def after(*_: Any) -> None:
            self.record()

        handle = optimizer.register_step_post_hook(after)
        try:
            yield self
        finally:
            handle.remove()
            self.record_last()

    def record_last(self) -> None:
        """Keep the present point whatever `every` says: the last point of a path is the trained one."""
        last = self._step - 1
        if last >= 0 and (not self._points or self._points[-1][0] != last):
            self._keep(last)
        if self.sketched and self._anchors and self._anchors[-1][0] != last:
            self._anchors.append((last, self._vector()))

    def trajectory(self) -> Trajectory:
        """What was kept, on the host.

        Raises:
            SettingError: Nothing was recorded.
        """
        if not self._points:
            raise SettingError("no point was recorded; call record() or train inside following(optimizer)")
        steps = [s for s, _ in self._points]
        losses = [float(self._losses.get(s, float("nan"))) for s in steps]
        anchors = anchor_steps = None
        if self.sketched:
            anchors = torch.stack([v for _, v in self._anchors]).float().cpu().numpy()
            anchor_steps = np.array([s for s, _ in self._anchors], dtype=np.int64)
        return Trajectory(
            name=self.name,
            steps=np.array(steps, dtype=np.int64),
            points=torch.stack([v for _, v in self._points]).float().cpu().numpy(),
            layout=tuple((n, tuple(p.shape)) for n, p in self._named),
            losses=np.array(losses),
            seed=self.seed if self.sketched else None,
            anchors=anchors,
            anchor_steps=anchor_steps,
        )

    def _vector(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1).float() for _, p in self._named])

    def _keep(self, step: int) -> None:
        vector = self._vector()
        if self.sketched:
            if len(self._anchors) == 0 or step >= self._anchors[-1][0] + self._anchor_every:
                self._anchors.append((step, vector))
                if len(self._anchors) > ANCHORS:
                    self._anchors = self._anchors[::2]
                    self._anchor_every *= 2
            if self._signs is None:
                self._signs = random_signs(vector.numel(), self.seed).to(vector.device)
            vector = sketch(vector, self._signs)
        self._points.append((step, vector))
        if len(self._points) > self._most:
            self.every *= 2
            self._points = [(s, v) for s, v in self._points if s % self.every == 0]


def random_signs(size: int, seed: int) -> Tensor:
    """Signs of the sketch, shape (size,), int8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (size,), generator=generator, dtype=torch.int8).mul_(2).sub_(1)


def sketch(vector: Tensor, signs: Tensor) -> Tensor:
    """Signed sums of every SUMS-th entry, shape (SUMS,); inner products keep their expectation.

    Source: Charikar, Chen, Farach-Colton 2002, "Finding frequent items in data streams". Differs: entries
    are dealt to the sums in turn instead of by a hash, which needs no scatter and is the same on every
    device.
    """
    missing = -len(vector) % SUMS
    signed = torch.nn.functional.pad(vector * signs, (0, missing))
    return signed.view(-1, SUMS).sum(0)


def project(
    objective: Objective, trajectory: Trajectory, directions: Sequence[Tensor], *, losses: bool = False
) -> Path:
    """Where a trajectory lies on the plane through the trained point along two directions.

    Args:
        objective: Its trained point is the origin.
        trajectory: Whole or sketched.
        directions: Two vectors of shape (size,); need not be orthogonal or of unit length.
        losses: Compute the loss at each whole point instead of taking what the recorder was told.

    Returns:
        Least-squares coordinates in units of the directions, and each point's distance from the plane. Those
        of a sketched trajectory are estimates.
    """
    check_layout(objective, trajectory)
    center = objective.center.float().cpu()
    columns = torch.stack([d.float().cpu() for d in directions])
    if trajectory.seed is None:
        points = trajectory.points.astype(np.float64) - center.double().numpy()
        basis = columns.double().numpy()
    else:
        signs = random_signs(len(center), trajectory.seed)
        points = trajectory.points.astype(np.float64) - sketch(center, signs).double().numpy()
        basis = torch.stack([sketch(c, signs) for c in columns]).double().numpy()
    coordinates, distances = least_squares(points, basis)
    known = trajectory.losses
    if losses and trajectory.seed is None:
        known = np.array(
            [objective.loss_at(torch.from_numpy(p).to(objective.center)) for p in trajectory.points]
        )
    return Path(
        name=trajectory.name,
        steps=trajectory.steps,
        points=coordinates,
        distances=distances,
        losses=known,
        estimated=trajectory.seed is not None,
    )


def least_squares(points: Floats, basis: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (n, 2) of points (n, p) on the span of basis (2, p), and their distances (n,) from it.

    Raises:
        SettingError: The directions are parallel.
    """
    lengths = refuse_parallel(basis)
    q, r = np.linalg.qr((basis / lengths[:, None]).T)
    inside = points @ q
    coordinates = np.linalg.solve(r, inside.T).T / lengths
    distances = np.linalg.norm(points - inside @ q.T, axis=1)
    return coordinates, distances


def refuse_parallel(basis: Floats) -> NDArray[np.float64]:
    """Lengths (2,) of two directions (2, p).

    Raises:
        SettingError: They span no plane.
    """
    lengths: NDArray[np.float64] = np.sqrt((basis * basis).sum(1))
    if not (lengths > 0).all():
        raise SettingError("a direction of the plane is zero; it must move something")
    first, second = basis / lengths[:, None]
    across = second - (first @ second) * first
    if across @ across < 1e-12:
        raise SettingError(
            "the two directions are parallel, which spans no plane; choose another seed or a grid"
        )
    return lengths
