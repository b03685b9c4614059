"""Local smoothness along a training path, beside the unclipped gradient norm, as in the AutoClip study.

At a step from p to p + d on one batch: the greatest of ||g(p + c d) - g(p)|| / (c ||d||) over a few c in (0,
1], an estimate of the gradient's local Lipschitz constant. The figure it is made for plots its logarithm
against that of ||g(p)||, where g is the gradient of the same batch before any clipping.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.errors import SettingError
from surefoot.landscape.objective import undisturbed
from surefoot.surfaces import Smoothness

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
        if not factors or not all(0 < c <= 1 for c in factors):
            raise SettingError(f"factors are {tuple(factors)}; give numbers in (0, 1]")
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
        columns = np.array(self._rows, dtype=np.float64).reshape(-1, 5)
        return Smoothness(
            steps=columns[:, 0].astype(np.int64),
            smoothness=columns[:, 1],
            grad_norms=columns[:, 2],
            step_norms=columns[:, 3],
            losses=columns[:, 4],
            factors=self.factors,
            every=self.every,
        )

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


@dataclass(frozen=True)
class LogFit:
    """Least squares of log10 smoothness on log10 gradient norm.

    Args:
        r: Pearson's correlation of the logarithms.
        low: Lower end of its 95 % interval (Fisher's transform); neighbouring steps are not independent, so
            the true interval is wider.
        high: Upper end.
        slope: Of the line.
        intercept: Of the line.
        records: How many positive, finite pairs went in.
    """

    r: float
    low: float
    high: float
    slope: float
    intercept: float
    records: int


def log_fit(record: Smoothness) -> LogFit:
    """Fit of the logarithms, as the study's figure shows it.

    Raises:
        SettingError: Fewer than four positive, finite records.
    """
    keep = (record.smoothness > 0) & (record.grad_norms > 0)
    keep &= np.isfinite(record.smoothness) & np.isfinite(record.grad_norms)
    n = int(keep.sum())
    if n < 4:
        raise SettingError(
            f"{n} records with a positive smoothness and gradient; a correlation needs at least 4"
        )
    x, y = np.log10(record.grad_norms[keep]), np.log10(record.smoothness[keep])
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise SettingError("smoothness or gradient norm never changes; there is no correlation")
    r = float(np.corrcoef(x, y)[0, 1])
    slope, intercept = np.polyfit(x, y, 1)
    width = 1.959964 / math.sqrt(n - 3)
    middle = math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12))
    return LogFit(r, math.tanh(middle - width), math.tanh(middle + width), float(slope), float(intercept), n)


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
