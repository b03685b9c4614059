"""Each quantity against the slow, obvious way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.quantities import activations, batches, gradients, symmetry, updates

ENTRIES = st.sampled_from([0.0, -0.0, 1.0, -2.5, 1e-30, 1e30, float("inf"), float("-inf"), float("nan")])


@given(st.lists(st.lists(ENTRIES, min_size=1, max_size=8), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_shares(rows: list[list[float]]) -> None:
    zero, nonfinite = gradients.shares([torch.tensor(row) for row in rows])
    for row, share, bad in zip(rows, zero.tolist(), nonfinite.tolist(), strict=True):
        assert share == pytest.approx(sum(value == 0 for value in row) / len(row), abs=1e-6)
        assert bad == pytest.approx(sum(not math.isfinite(value) for value in row) / len(row), abs=1e-6)


def test_shares_of_sparse_half_and_double() -> None:
    sparse = torch.sparse_coo_tensor(torch.tensor([[0, 0, 2]]), torch.tensor([1.0, -1.0, 3.0]), (5,))
    half = torch.tensor([0.0, 1.0, 60000.0], dtype=torch.float16)
    double = torch.tensor([1e300, float("inf")], dtype=torch.float64)
    zero, nonfinite = gradients.shares([sparse, half, double])
    # Of the sparse one the present entries count, once duplicates are added up: 0 and 3.
    assert zero.tolist() == pytest.approx([0.5, 1 / 3, 0.0])
    assert nonfinite.tolist() == [0.0, 0.0, 0.5]
    assert zero.dtype == nonfinite.dtype == torch.float32


@given(st.lists(ENTRIES, min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_summary(values: list[float]) -> None:
    numbers = np.asarray([v for v in values if math.isfinite(v) and abs(v) < 1e20], dtype=np.float64)
    given_ = torch.tensor([v for v in values if not math.isfinite(v) or abs(v) < 1e20])
    if not given_.numel():
        return
    least, greatest, mean, deviation, bad = batches.summary(given_).tolist()
    assert bad == pytest.approx(1 - len(numbers) / given_.numel(), abs=1e-6)
    if len(numbers):
        assert least == pytest.approx(numbers.min(), abs=1e-6)
        assert greatest == pytest.approx(numbers.max(), abs=1e-6)
        assert mean == pytest.approx(numbers.mean(), abs=1e-5)
        assert deviation == pytest.approx(numbers.std(), abs=1e-5)
    else:
        assert (least, greatest) == (math.inf, -math.inf)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float16, torch.float64])
def test_summary_of_any_dtype(dtype: torch.dtype) -> None:
    found = batches.summary(torch.tensor([[0, 1], [1, 0]]).to(dtype))
    assert found.tolist() == pytest.approx([0, 1, 0.5, 0.5, 0])


def test_a_large_batch_is_thinned_evenly() -> None:
    large = torch.arange(3 * (1 << 20), dtype=torch.float32).reshape(-1, 4)
    least, greatest, mean, _, _ = batches.summary(large).tolist()
    assert least == 0
    assert greatest > 0.99 * large.numel()
    assert mean == pytest.approx(large.numel() / 2, rel=1e-3)


def test_columns() -> None:
    torch.manual_seed(0)
    values = torch.randn(50, 4, 3) * torch.tensor([1.0, 100.0, 0.01, 0.0])[None, :, None]
    values[:, 1] += 7
    values[3, 2, 1] = math.nan
    least, greatest, mean, bad = batches.columns(values).tolist()
    features = np.nan_to_num(values.numpy()).transpose(1, 0, 2).reshape(4, -1)
    assert least == pytest.approx(features[:3].std(axis=1).min(), rel=1e-4)  # the constant one is left out
    assert greatest == pytest.approx(features.std(axis=1).max(), rel=1e-4)
    assert mean == pytest.approx(np.abs(features.mean(axis=1)).max(), rel=1e-4)
    assert bad == 1


def test_rows() -> None:
    torch.manual_seed(0)
    scores = torch.randn(6, 5)
    probabilities = batches.rows(scores.softmax(1), 1).tolist()
    assert probabilities[:2] == pytest.approx([1, 1])
    assert probabilities[2] == pytest.approx(scores.softmax(1).max(1).values.mean().item())
    assert batches.rows(scores.log_softmax(1), 1)[3].item() == pytest.approx(0, abs=1e-6)
    assert batches.rows(scores, 1)[3].item() == pytest.approx(scores.logsumexp(1).abs().max().item())


def test_across_examples() -> None:
    torch.manual_seed(0)
    outputs = torch.randn(9, 4, 2)
    mean, deviation, across = batches.across_examples(outputs).tolist()
    array = outputs.numpy()
    assert mean == pytest.approx(array.mean(), abs=1e-6)
    assert deviation == pytest.approx(array.std(), rel=1e-5)
    assert across == pytest.approx(array.std(axis=0).mean(), rel=1e-5)
    assert batches.across_examples(torch.ones(3, 2)).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(("shape", "unit_dim"), [((7, 5), 1), ((7, 3, 5), 2), ((4, 5, 3, 3), 1)])
def test_fired(shape: tuple[int, ...], unit_dim: int) -> None:
    torch.manual_seed(0)
    output = torch.relu(torch.randn(shape))
    output.movedim(unit_dim, 0)[2] = 0
    found = activations.fired(output, unit_dim)
    for unit in range(shape[unit_dim]):
        assert bool(found[unit]) == bool((output.select(unit_dim, unit) > 0).any())
    assert not found[2]


def test_moments() -> None:
    output = torch.tensor([[0.01, 0.5], [0.97, 0.2]])
    share, mean, deviation = activations.moments(output, "sigmoid").tolist()
    assert (share, mean, deviation) == pytest.approx((0.5, 0.42, output.std(unbiased=False).item()))
    assert activations.moments(torch.tensor([-0.95, 0.0, 0.5, 0.99]), "tanh")[0].item() == 0.5
    assert math.isnan(activations.moments(output, "relu")[0].item())


def test_row_spread() -> None:
    torch.manual_seed(0)
    assert symmetry.row_spread(torch.full((4, 3), 0.3)).item() == pytest.approx(0, abs=1e-6)
    weight = torch.randn(50, 8, 3)
    rows = weight.reshape(50, -1).double()
    expected = (rows - rows.mean(0)).norm() / rows.norm()
    assert symmetry.row_spread(weight).item() == pytest.approx(expected.item(), rel=1e-5)
    assert 0.9 < symmetry.row_spread(weight).item() <= 1
    assert math.isnan(symmetry.row_spread(torch.zeros(3, 2)).item())


def test_update_norms() -> None:
    torch.manual_seed(0)
    parameters = [torch.randn(5, 4), torch.randn(3), torch.randn((1 << 18) + 1000), torch.randn(600, 600).t()]
    kept = updates.snapshot(parameters)
    deltas = [torch.randn_like(parameter) * 0.01 for parameter in parameters]
    for parameter, delta in zip(parameters, deltas, strict=True):
        parameter += delta
    found = updates.update_norms(parameters, kept) * torch.tensor(updates.scale_of(parameters))
    # A large one is looked at in part, and its norm is an estimate.
    for index, tolerance in ((0, 1e-4), (1, 1e-4), (2, 0.02), (3, 1e-4)):
        assert found[index].item() == pytest.approx(deltas[index].double().norm().item(), rel=tolerance)
    assert updates.watched_part(parameters[2]).numel() <= 1 << 18
