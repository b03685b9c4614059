"""The percentile is bitwise numpy's, for any percentile, any length, any window, on host and device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.clipping import history as history_module
from surefoot.clipping.blocks import SortedBlocks
from surefoot.clipping.device_history import DevicePercentiles
from surefoot.clipping.history import percentile_history

PERCENTILES = (0, 1, 10, 25, 33.3, 50, 90, 97.5, 99.99, 100)
NORMS = st.floats(min_value=0, max_value=1e300, allow_nan=False) | st.sampled_from(
    [0.0, 1.0, 1e-300, 1e38, 1e39]
)


def on_host(percentile, window, norms):
    history = percentile_history(percentile, window)
    return [history.observe(norm) for norm in norms]


def on_device(percentile, window, norms):
    history = DevicePercentiles(percentile, window, [torch.empty(0)], torch.device("cpu"))
    yes = torch.tensor([True])
    return [float(history.observe(torch.tensor([n], dtype=torch.float64), yes)) for n in norms]


def by_numpy(percentile, window, norms, every=1):
    """At every so many steps, the percentile of what is held after them."""
    norms = np.array(norms)
    starts = [0 if window is None else max(0, i + 1 - window) for i in range(len(norms))]
    return [float(np.percentile(norms[starts[i] : i + 1], percentile)) for i in range(0, len(norms), every)]


@pytest.mark.parametrize("design", [on_host, on_device])
@given(
    norms=st.lists(NORMS, min_size=1, max_size=25),
    percentile=st.floats(0, 100) | st.sampled_from(PERCENTILES),
    window=st.none() | st.integers(1, 12),
)
@settings(max_examples=80, deadline=None)
def test_bitwise_numpy(design, norms, percentile, window):
    assert design(percentile, window, norms) == by_numpy(percentile, window, norms)


@pytest.mark.parametrize("design", [on_host, on_device])
@pytest.mark.parametrize("window", [None, 700])
def test_bitwise_numpy_over_many_blocks(design, window):
    """Long enough to split, merge and grow; drifting down as norms do, with ties."""
    random = np.random.default_rng(0)
    norms = np.exp(random.normal(size=3000) - np.arange(3000) / 800).astype(np.float32).astype(float)
    norms[::7] = norms[3]
    for percentile in (10, 99.9):
        got = design(percentile, window, norms.tolist())
        assert got[::97] == by_numpy(percentile, window, norms.tolist(), every=97)


@given(
    norms=st.lists(NORMS, min_size=1, max_size=60),
    percentile=st.floats(0, 100) | st.sampled_from(PERCENTILES),
    near=st.integers(1, 3),
    learned=st.integers(0, 20),
)
@settings(max_examples=150, deadline=None)
def test_values_that_wait_come_back_in_order(norms, percentile, near, learned):
    """With heaps of a few values, nearly every step fills or thins one."""
    usual = history_module._NEAR
    history_module._NEAR = near
    try:
        history = percentile_history(percentile, None, norms[:learned])
        got = [history.observe(norm) for norm in norms[learned:]]
    finally:
        history_module._NEAR = usual
    assert got == by_numpy(percentile, None, norms)[learned:]
    assert history.values().tolist() == sorted(norms)


@pytest.mark.parametrize("percentile", [0, 10, 100])
@pytest.mark.parametrize("order", ["falling", "rising"])
def test_bitwise_numpy_where_norms_only_fall_or_rise(percentile, order):
    """The percentile then moves through all values that wait."""
    norms = np.sort(np.random.default_rng(8).random(6000)).astype(np.float32).astype(float)
    norms = norms[::-1] if order == "falling" else norms
    got = on_host(percentile, None, norms.tolist())
    assert got[::61] == by_numpy(percentile, None, norms.tolist(), every=61)


@pytest.mark.parametrize("order", ["falling", "rising", "random"])
def test_blocks_agree_with_sorting(order):
    random = np.random.default_rng(1)
    values = random.random(5000).tolist()
    values = sorted(values, reverse=order == "falling") if order != "random" else values
    blocks = SortedBlocks()
    for value in values:
        blocks.add(value)
    for value in values[::2]:
        blocks.remove(value)
    left = sorted(values[1::2])
    assert blocks.values().tolist() == left
    assert [blocks[k] for k in (2499, 0, 1200, 5)] == [left[k] for k in (2499, 0, 1200, 5)]


def test_a_window_can_empty_its_only_block():
    history = percentile_history(50, 1)
    assert [history.observe(v) for v in (1.0, 5.0, 3.0)] == [1.0, 5.0, 3.0]


@pytest.mark.parametrize("wide", [False, True])
def test_at_most_16_bytes_a_step(wide):
    random = np.random.default_rng(2)
    norms = np.exp(random.normal(size=100_000))
    if not wide:
        norms = norms.astype(np.float32)
    history = percentile_history(10)
    for norm in norms.tolist():
        history.observe(norm)
    assert history.nbytes <= 16 * len(norms)


def test_float32_norms_keep_16_bytes_under_a_window_that_drifts():
    history = percentile_history(10, window=20_000)
    random = np.random.default_rng(3)
    drift = np.exp(-np.arange(60_000) / 10_000) * (1 + 0.1 * random.random(60_000))
    for norm in drift.astype(np.float32).tolist():
        history.observe(norm)
    assert len(history) == 20_000
    assert history.nbytes <= 16 * 20_000


def test_one_wide_number_widens_all_without_loss():
    norms = [float(np.float32(v)) for v in (0.1, 0.2, 0.3)] + [1e200, 0.1, 1 / 3]
    assert on_host(40, None, norms) == by_numpy(40, None, norms)


@pytest.mark.parametrize("window", [None, 3, 10])
def test_values_start_an_equal_history(window):
    norms = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]
    first = percentile_history(30, window)
    for norm in norms:
        first.observe(norm)
    again = percentile_history(30, window, first.values().tolist())
    device = DevicePercentiles(30, window, [torch.from_numpy(first.values())], torch.device("cpu"))
    for norm in (2.0, 6.0, 0.5, 3.0, 8.0):
        expected = first.observe(norm)
        assert again.observe(norm) == expected
        assert (
            float(device.observe(torch.tensor([norm], dtype=torch.float64), torch.tensor([True]))) == expected
        )
    assert device.values()[0].tolist() == first.values().tolist()


@pytest.mark.parametrize("window", [None, 4])
def test_units_of_a_batch_are_independent_and_may_pause(window):
    random = np.random.default_rng(4)
    table = random.random((50, 3))
    recorded = random.random((50, 3)) < 0.7
    table[~recorded] = np.nan  # never looked at
    device = DevicePercentiles(25, window, [torch.empty(0)] * 3, torch.device("cpu"))
    hosts = [percentile_history(25, window) for _ in range(3)]
    for row, record in zip(table, recorded, strict=True):
        got = device.observe(torch.from_numpy(row), torch.from_numpy(record)).tolist()
        want = [h.observe(v) if r else h.threshold() for h, v, r in zip(hosts, row, record, strict=True)]
        np.testing.assert_array_equal(got, want)


def test_device_history_grows_past_its_capacity():
    norms = np.random.default_rng(5).random(2500).tolist()
    assert on_device(10, None, norms)[-1] == np.percentile(norms, 10)
