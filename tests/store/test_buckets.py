"""Thinned series and layers against slow references."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from surefoot.records import Layers, OptimizerInfo, ParameterInfo, Series
from surefoot.store.batch import Batch, LayerRow, StepRow
from surefoot.store.buckets import kept, thin
from surefoot.store.reader import open_run
from surefoot.store.writer import RunWriter

from .reference import same, thinned

odd = st.sampled_from([math.nan, math.inf, -math.inf])


@given(
    values=st.lists(st.floats(width=32) | st.integers(-3, 3).map(float) | odd, max_size=300),
    points=st.integers(7, 60),
)
def test_thinning_against_the_reference(values: list[float], points: int) -> None:
    series = Series.of(values, [3 * k for k in range(len(values))])
    found = thin(series, points)
    assert len(found) <= max(points, 1)
    assert same(list(zip(found.steps.tolist(), found.values.tolist(), strict=True)), thinned(series, points))


@given(values=st.lists(st.floats(), min_size=8, max_size=300), points=st.integers(7, 60))
def test_what_must_never_be_lost(values: list[float], points: int) -> None:
    """Extremes, the ends, and that NaN and infinities were there."""
    data = np.array(values)
    found = data[kept(data, points)]
    assert same(found[0].item(), values[0])
    assert same(found[-1].item(), values[-1])
    assert np.isnan(found).any() == np.isnan(data).any()
    for infinity in (math.inf, -math.inf):
        assert (found == infinity).any() == (data == infinity).any()
    finite, left = data[np.isfinite(data)], found[np.isfinite(found)]
    if len(finite):
        assert (left.min(), left.max()) == (finite.min(), finite.max())


def test_a_million_steps_at_2000_points(writer: RunWriter, folder: Path) -> None:
    n = 1_000_000
    generator = np.random.default_rng(0)
    loss = np.exp(-np.arange(n) / 2e5) + generator.normal(0, 0.1, n)
    loss[765_432] = 1e3  # a spike of one step
    loss[[1234, 500_000]] = math.nan
    loss[700_001] = math.inf
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {"lr": 0.1}, ())]))
    writer.write(Batch(steps=[StepRow(*row) for row in zip(*_columns(loss, n), strict=True)]))
    with open_run(folder) as reader:
        found = reader.series("loss")
        assert len(found) <= 2000
        assert 1e3 in found.values
        assert same(
            list(zip(found.steps.tolist(), found.values.tolist(), strict=True)),
            thinned(Series.of(loss.tolist()), 2000),
        )
        history = reader.history()
        assert len(reader.series("grad_norm", points=None)) == n
    assert 90_000 < len(history.series("grad_norm")) <= 100_000
    assert history.series("loss").steps[[0, -1]].tolist() == [1, n]
    assert history.run.steps == n


def _columns(loss: np.ndarray, n: int) -> list[list[float]]:  # type: ignore[type-arg]
    steps = list(range(1, n + 1))
    norms = np.random.default_rng(1).random(n).tolist()
    return [steps, [0] * n, (np.arange(n) / 100).tolist(), [1] * n, loss.tolist(), norms, [0.1] * n]


def test_a_window_of_steps(writer: RunWriter, folder: Path) -> None:
    writer.write(
        Batch(
            optimizers=[OptimizerInfo(0, "SGD", {}, ())],
            steps=[StepRow(2 * k, 0, float(k), 1, loss=float(k)) for k in range(5000)],
        )
    )
    with open_run(folder) as reader:
        window = reader.series("loss", between=(100, 109))
        assert window.steps.tolist() == [100, 102, 104, 106, 108]
        assert window.values.tolist() == [50, 51, 52, 53, 54]
        assert len(reader.series("loss", between=(0, 9998), points=50)) <= 50
        assert len(reader.series("loss", between=(10_000, 20_000))) == 0


def test_layers_beyond_the_bound(writer: RunWriter, folder: Path) -> None:
    """Each bucket keeps the extremes of every column; optimizers are never mixed."""
    generator = np.random.default_rng(0)
    n, bound = 9001, 200
    values = generator.normal(size=(n, 3)).astype(np.float32)
    values[::7, 1] = math.nan
    values[:, 2] = math.nan
    values[4000, 0] = math.inf
    rows = [LayerRow(k, k % 2, "parameter", "grad_norm", values[k]) for k in range(n)]
    writer.write(Batch(parameters=[ParameterInfo(k, "w", (1,)) for k in range(3)], layers=rows))
    with open_run(folder) as reader:
        full = reader.layers("parameter", "grad_norm", rows=n)
        found = reader.layers("parameter", "grad_norm", rows=bound)
    assert np.array_equal(full.values, values, equal_nan=True)
    assert full.steps.tolist() == list(range(n))
    assert full.optimizers.tolist() == [k % 2 for k in range(n)]
    assert len(found) <= bound
    assert same(_rows(found), sorted(_slow_layers(values, bound)))


def _rows(layers: Layers) -> list[tuple[object, ...]]:
    rows = zip(layers.steps.tolist(), layers.optimizers.tolist(), layers.values.tolist(), strict=True)
    return sorted((step, optimizer, *map(repr, data)) for step, optimizer, data in rows)


def _slow_layers(values: np.ndarray, bound: int) -> list[tuple[object, ...]]:  # type: ignore[type-arg]
    n = len(values)
    rows: list[tuple[object, ...]] = []
    for optimizer in (0, 1):
        own = [k for k in range(n) if k % 2 == optimizer]
        length = math.ceil(len(own) / (bound * len(own) // (2 * n)))
        for start in range(0, len(own), length):
            bucket = own[start : start + length]
            known = [[float(values[k, c]) for k in bucket if not math.isnan(values[k, c])] for c in range(3)]
            rows.append((bucket[0], optimizer, *(repr(min(column, default=math.nan)) for column in known)))
            rows.append((bucket[-1], optimizer, *(repr(max(column, default=math.nan)) for column in known)))
    return rows
