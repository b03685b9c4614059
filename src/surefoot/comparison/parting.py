"""The first step, and there the first quantity and parameter, at which two runs differ by more than rounding.

Two runs of one training on another machine or another number of threads add the same numbers in another order. What
that does to float32 was measured: a convolutional, a fully connected, a batch-normalised, a recurrent and an attention
network were trained for 120 steps on one thread and on two (docs/compare.md has the numbers). `TOLERANCE` lies above
the differences of the first steps; later they grow, and a difference that grew is told from one that was there at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.comparison.records import Parted, Parting
from surefoot.facts import BatchInput, LossCall, Scaler
from surefoot.records import History, Layers, Series

TOLERANCE = 1e-4
TOLERANCE_16 = 5e-2  # where 16-bit floats take part: about 6 times the rounding of one bfloat16
_SETTING = 1e-9  # learning rates are computed by the script itself, in float64
_GROWTH = 1_000.0  # factor over the step before up to which a difference counts as grown
# Below this share of the largest number of its kind, what is seen is the rounding of the larger ones that it comes
# from: TOLERANCE times this is the rounding of a float32.
_FLOOR = 1e-3
_SIGNAL = 1e-5  # of the largest gradient; such biases had 1e-9 to 1e-6, the least of all others 1e-2


@dataclass(frozen=True, slots=True)
class _Compared:
    """A quantity of two runs at the steps that both have."""

    quantity: str
    steps: NDArray[np.int64]
    pairs: NDArray[np.float64]  # (2, n), or (2, n, parameters)
    relative: NDArray[np.float64]  # (n,) or (n, parameters)
    tolerance: float
    names: tuple[str, ...] = ()

    @property
    def worst(self) -> NDArray[np.float64]:
        """The greatest relative difference of each step."""
        return self.relative.max(axis=1) if self.names else self.relative


def parting(one: History, other: History) -> Parting | None:
    """How long two runs are the same.

    Args:
        one: A run; layers must not be thinned.
        other: Another.

    Returns:
        Where they part; None where they have no step in common.

    Example:
        >>> from surefoot.records import OptimizerInfo, Run
        >>> def of(values):
        ...     optimizer = OptimizerInfo(0, "SGD", {}, ())
        ...     losses = {("loss", 0): Series.of(values)}
        ...     return History(Run("", "", "a.py"), optimizers=(optimizer,), step_series=losses)
        >>> first = parting(of([3.0, 2.0, 1.0]), of([3.0, 2.0, 1.5])).first
        >>> first.quantity, first.step, first.agreed, first.values
        ('loss', 3, 2, (1.0, 1.5))
    """
    tolerance = max(_tolerance(one), _tolerance(other))
    found = [compared for compared in _quantities(one, other, tolerance) if len(compared.steps)]
    if not any(compared.steps[-1] for compared in found):  # a batch before the first step is no step
        return None
    # Of one step, what comes first in a training comes first here: min keeps the first of equals.
    parted = [first for compared in found if (first := _first(compared)) is not None]
    first = min(parted, key=lambda one: one.step, default=None)
    parameter = min((one for one in parted if one.parameter), key=lambda one: one.step, default=None)
    steps = np.unique(np.concatenate([compared.steps for compared in found]))
    rounded = _rounded(found, None if first is None else first.step)
    if first is not None:
        first = replace(first, before=max(first.before, _before(found, first.step)))
    grown = first is not None and rounded is not None and first.relative <= _GROWTH * first.before
    return Parting(first, parameter, grown, tolerance, int((steps > 0).sum()), int(steps[-1]), rounded)


def _quantities(one: History, other: History, tolerance: float) -> Iterator[_Compared]:
    """In the order in which a step brings them about."""
    for name, quantity in (("input/mean", "input mean"), ("target/mean", "target mean")):
        yield _series(quantity, one.metric(name), other.metric(name), tolerance)
    yield _layers("weight norm", "param_norm", one, other, tolerance)
    yield from _steps("loss", "loss", one, other, tolerance)
    yield _layers("gradient norm", "grad_norm", one, other, tolerance)
    yield from _steps("gradient norm", "grad_norm", one, other, tolerance)
    yield from _steps("learning rate", "lr", one, other, _SETTING)
    yield _layers("update norm", "update_norm", one, other, tolerance)


def _steps(quantity: str, name: str, one: History, other: History, tolerance: float) -> Iterator[_Compared]:
    for optimizer in sorted({o.index for o in one.optimizers} & {o.index for o in other.optimizers}):
        yield _series(quantity, one.series(name, optimizer), other.series(name, optimizer), tolerance)


def _series(quantity: str, one: Series, other: Series, tolerance: float) -> _Compared:
    steps, here, there = np.intersect1d(one.steps, other.steps, return_indices=True)
    pairs = np.stack([one.values[here], other.values[there]])
    finite = np.where(np.isfinite(pairs), np.abs(pairs), 0.0).max(axis=0)
    largest = np.maximum.accumulate(finite) if len(finite) else finite
    return _Compared(quantity, steps, pairs, _relative(pairs, _FLOOR * largest), tolerance)


def _layers(quantity: str, name: str, one: History, other: History, tolerance: float) -> _Compared:
    """Parameters are matched by name and shape, sampled steps by number and optimizer."""
    mine, theirs = one.parameter_layer(name), other.parameter_layer(name)
    columns = _same_parameters(one, other)
    if name == "update_norm":
        noise = _without_signal(one) | _without_signal(other)
        columns = [pair for pair in columns if one.parameters[pair[0]].name not in noise]
    keys, here, there = np.intersect1d(_keys(mine), _keys(theirs), return_indices=True)
    names = tuple(one.parameters[at].name for at, _ in columns)
    if not columns or not len(keys):
        return _Compared(quantity, np.empty(0, np.int64), np.empty((2, 0)), np.empty(0), tolerance)
    left, right = ([pair[side] for pair in columns] for side in (0, 1))
    pairs = np.stack([mine.values[here][:, left], theirs.values[there][:, right]])
    finite = np.where(np.isfinite(pairs), np.abs(pairs), 0.0).max(axis=(0, 2), initial=0.0)
    relative = _relative(pairs, _FLOOR * finite[:, None])
    if name == "param_norm":  # they count where they start from
        noise = _without_signal(one) | _without_signal(other)
        relative[1:, [name in noise for name in names]] = 0.0
    return _Compared(quantity, mine.steps[here], pairs, relative, tolerance, names)


def _without_signal(history: History) -> set[str]:
    """Parameters whose gradient is nothing but rounding, as that of a bias before a batch normalisation.

    An adaptive optimizer makes full steps of it, in a direction that rounding chooses.
    """
    values = history.parameter_layer("grad_norm").values
    if not len(values):
        return set()
    finite = np.where(np.isfinite(values), values, 0.0)
    largest = finite.max(axis=1, keepdims=True)
    share = np.median(np.divide(finite, largest, out=np.ones_like(finite), where=largest > 0), axis=0)
    return {p.name for p, one in zip(history.parameters, share, strict=False) if one < _SIGNAL}


def _same_parameters(one: History, other: History) -> list[tuple[int, int]]:
    """Columns of one and of the other that hold the same parameter; of equal names, in their order."""
    theirs = {key: place for place, key in enumerate(_identities(other))}
    places = ((place, theirs.get(key)) for place, key in enumerate(_identities(one)))
    return [(here, there) for here, there in places if there is not None]


def _identities(history: History) -> list[tuple[str, tuple[int, ...], int]]:
    """Name, shape and which of that name and shape: two models may name theirs alike."""
    counts: Counter[tuple[str, tuple[int, ...]]] = Counter()
    found = []
    for parameter in history.parameters:
        counts[parameter.name, parameter.shape] += 1
        found.append((parameter.name, parameter.shape, counts[parameter.name, parameter.shape]))
    return found


def _keys(layers: Layers) -> NDArray[np.int64]:
    return layers.steps * 4096 + layers.optimizers


def _relative(pairs: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """|a - b| over the greater of the two, which is at least `floor`; NaN equals NaN, and nothing else."""
    a, b = pairs
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        scale = np.maximum(np.maximum(np.abs(a), np.abs(b)), floor)
        relative = np.where(scale > 0, np.abs(a - b) / scale, 0.0)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isfinite(a) & np.isfinite(b), relative, np.inf))


def _first(compared: _Compared) -> Parted | None:
    beyond = np.flatnonzero(compared.worst > compared.tolerance)
    if not len(beyond):
        return None
    row = int(beyond[0])
    agreed = int(compared.steps[row - 1]) if row else 0
    before = float(compared.worst[:row].max(initial=0.0))
    place: tuple[int, ...] = (row,)
    others, parameter = 0, None
    if compared.names:
        column = int(np.argmax(compared.relative[row]))
        place, parameter = (row, column), compared.names[column]
        others = int((compared.relative[row] > compared.tolerance).sum()) - 1
    values = (float(compared.pairs[(0, *place)]), float(compared.pairs[(1, *place)]))
    relative = float(compared.relative[place])
    step = int(compared.steps[row])
    return Parted(compared.quantity, step, agreed, values, relative, before, parameter, others)


def _rounded(found: Iterable[_Compared], end: int | None) -> int | None:
    """First step before `end` with a difference of any size."""
    steps = [
        int(compared.steps[row])
        for compared in found
        for row in np.flatnonzero(compared.worst > 0)[:1]
        if end is None or compared.steps[row] < end
    ]
    return min(steps, default=None)


def _before(found: Iterable[_Compared], end: int) -> float:
    """The greatest relative difference of anything at the steps before `end`."""
    return max((float(c.worst[c.steps < end].max(initial=0.0)) for c in found), default=0.0)


def _tolerance(history: History) -> float:
    kinds = [fact.input_dtype or "" for fact in history.facts(LossCall)]
    kinds += [fact.dtype for fact in history.facts(BatchInput)]
    scaled = any(fact.enabled for fact in history.facts(Scaler))
    return TOLERANCE_16 if scaled or any("float16" in kind for kind in kinds) else TOLERANCE
