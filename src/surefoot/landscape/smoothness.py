"""Local smoothness along a training path, beside the unclipped gradient norm, as in the AutoClip study.

At a step from p to p + d on one batch: the greatest of ||g(p + c d) - g(p)|| / (c ||d||) over a few c in (0,
1], an estimate of the gradient's local Lipschitz constant. The figure it is made for plots its logarithm
against that of ||g(p)||, where g is the gradient of the same batch before any clipping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.errors import SettingError
from surefoot.landscape.directions import check_layout
from surefoot.landscape.evaluation import Progress
from surefoot.landscape.objective import Objective, undisturbed
from surefoot.surfaces import Smoothness, Trajectory

FACTORS = (0.25, 0.5, 0.75, 1.0)


class SmoothnessMeter:
    """Measures local smoothness at every so many steps of a training.

    Args:
        model: Its trainable parameters are the point.
        every: Steps between records; the study took 20.
        factors: The set of c, in (0, 1].

    Effects: on a measured step, one gradient at p and one for each factor, on the step's own batch and with
    the random state the step began with (so the same dropout masks). Parameters, buffers, `.grad` and the
    random state are put back bit for bit. A measured step synchronises with the host.

    Source: Zhang, He, Sra, Jadbabaie 2020, arXiv:1905.11881, section 5; Seetharaman, Wichern, Pardo, Le Roux
    2020, arXiv:2007.14469, section 4. Differs: the factors are ours, the papers do not give theirs in full.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> x = torch.ones(4, 1)
        >>> meter = SmoothnessMeter(model, every=1)
        >>> for _ in range(3):
        ...     compute = lambda: model(x).square().mean()
        ...     optimizer.zero_grad()
        ...     compute().backward()
        ...     with meter.measuring(compute):
        ...         _ = optimizer.step()
        >>> meter.record().smoothness.round(4)
        array([2., 2., 2.])
    """

    def __init__(self, model: nn.Module, *, every: int = 20, factors: Sequence[float] = FACTORS) -> None:
        if every < 1:
            raise SettingError(f"every is {every}; measure every step (1) or fewer")
        _check_factors(factors)
        self.model, self.every, self.factors = model, every, tuple(sorted(factors))
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        if not self._parameters:
            raise SettingError(f"{type(model).__name__} has no trainable parameter; smoothness needs one")
        self._step = 0
        self._rows: list[tuple[int, float, float, float, float]] = []

    @contextmanager
    def measuring(self, compute: Callable[[], Tensor]) -> Iterator[None]:
        """Put `optimizer.step()` inside; `compute` gives the loss of the step's batch."""
        due = self._step % self.every == 0
        start = [p.detach().clone() for p in self._parameters] if due else []
        yield
        if due:
            self._measure(start, compute)
        self._step += 1

    def record(self) -> Smoothness:
        """What was measured; steps whose update was zero are left out."""
        return _record(self._rows, self.factors, self.every)

    def state_dict(self) -> dict[str, Any]:
        """What was measured so far, in plain numbers, for a checkpoint of the training."""
        return {"step": self._step, "rows": [list(row) for row in self._rows]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` left off."""
        self._step = int(state["step"])
        self._rows = [(int(row[0]), row[1], row[2], row[3], row[4]) for row in state["rows"]]

    def _measure(self, start: list[Tensor], compute: Callable[[], Tensor]) -> None:
        moves = [p.detach() - s for p, s in zip(self._parameters, start, strict=True)]
        length = _norm(moves)
        if not length > 0:
            return
        with undisturbed(), _put_back(self.model):
            state = torch.get_rng_state()

            def gradient(factor: float) -> tuple[float, list[Tensor]]:
                torch.set_rng_state(state)  # the same masks at every point
                for p, s, d in zip(self._parameters, start, moves, strict=True):
                    p.data = s + factor * d if factor else s
                with torch.enable_grad():
                    loss = compute()
                    slopes = torch.autograd.grad(loss, self._parameters, materialize_grads=True)
                return float(loss.detach()), list(slopes)

            loss, here = gradient(0.0)
            greatest = 0.0
            for factor in self.factors:
                _, there = gradient(factor)
                change = _norm([b - a for a, b in zip(here, there, strict=True)])
                greatest = max(greatest, change / (factor * length))
        self._rows.append((self._step, greatest, _norm(here), length, loss))


def smoothness_along(
    objective: Objective,
    trajectory: Trajectory,
    *,
    factors: Sequence[float] = FACTORS,
    records: int = 100,
    progress: Progress | None = None,
) -> Smoothness:
    """Local smoothness along a path that has been recorded, of one function: the loss over the objective's data.

    Args:
        objective: The function.
        trajectory: Of its parameters. Of a projected one the full parameters kept on the way count.
        factors: The set of c, in (0, 1].
        records: Moves from one kept point to the next that are measured, at most; evenly spread.
        progress: Called with (records done, records in all).

    Returns:
        What a `SmoothnessMeter` records, with the gradient over all data where that has the step's own batch: it
        shows the function that was descended, without the noise of batches. Moves of length zero are left out.

    Raises:
        SettingError: The path has fewer than two points, never moves, or is of other parameters.

    Example:
        >>> from surefoot.landscape.trajectory import TrajectoryRecorder
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 1.0)
        >>> recorder = TrajectoryRecorder(model)
        >>> recorder.record()
        >>> _ = nn.init.constant_(model.weight, 0.5)
        >>> recorder.record()
        >>> data = (torch.ones(4, 1), torch.zeros(4, 1))
        >>> smoothness_along(Objective(model, nn.functional.mse_loss, data), recorder.trajectory()).smoothness
        array([2.])
    """
    _check_factors(factors)
    check_layout(objective, trajectory)
    points = trajectory.full
    steps = trajectory.steps if trajectory.anchor_steps is None else trajectory.anchor_steps
    if len(points) < 2:
        raise SettingError("the path has fewer than two points with all parameters; smoothness needs a move")
    moves = np.unique(np.linspace(0, len(points) - 2, min(records, len(points) - 1)).round().astype(np.int64))
    rows = []
    for number, at in enumerate(moves.tolist()):
        start, end = (torch.from_numpy(points[i]).to(objective.center) for i in (at, at + 1))
        length = _norm([end - start])
        if length > 0:
            loss, here = objective.gradient_at(start)
            greatest = 0.0
            for factor in factors:
                _, there = objective.gradient_at(torch.lerp(start, end, factor))
                greatest = max(greatest, _norm([there - here]) / (factor * length))
            rows.append((int(steps[at]), greatest, _norm([here]), length, loss))
        if progress is not None:
            progress(number + 1, len(moves))
    if not rows:
        raise SettingError("the path never moves; there is no smoothness along it")
    gaps = np.diff(steps[moves]) if len(moves) > 1 else np.diff(steps[:2])
    return _record(rows, factors, max(1, int(np.median(gaps))))


def _check_factors(factors: Sequence[float]) -> None:
    if not factors or not all(0 < c <= 1 for c in factors):
        raise SettingError(f"factors are {tuple(factors)}; give numbers in (0, 1]")


def _record(rows: Sequence[Sequence[float]], factors: Sequence[float], every: int) -> Smoothness:
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Smoothness(
        steps=columns[:, 0].astype(np.int64),
        smoothness=columns[:, 1],
        grad_norms=columns[:, 2],
        step_norms=columns[:, 3],
        losses=columns[:, 4],
        factors=tuple(factors),
        every=every,
    )


@contextmanager
def _put_back(model: nn.Module) -> Iterator[None]:
    """Give parameters their own storage back, and buffers their values, bit for bit."""
    storages = [(p, p.data) for p in model.parameters()]
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    try:
        yield
    finally:
        for p, data in storages:
            p.data = data
        with torch.no_grad():
            for b, value in buffers:
                b.copy_(value)


def _norm(parts: Sequence[Tensor]) -> float:
    return float(torch.stack([torch.linalg.vector_norm(p, dtype=torch.float64) for p in parts]).norm())
