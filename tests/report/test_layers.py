"""The heat map's cells."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from report import histories
from surefoot.records import History, Layers, OptimizerInfo, ParameterInfo, Run
from surefoot.report.layers import CELLS, COLUMNS, heat_maps, parameter_order, per_layer


def decoded(one):
    words = np.frombuffer(base64.b64decode(one["cells"]), "<u2").astype("<u4") << 16
    return words.view("<f4").reshape(len(one["rows"]), len(one["steps"]))


def maps(history):
    return {one["id"]: one for one in heat_maps(history)}


def with_norms(values, optimizers=None, steps=None):
    rows, columns = values.shape
    turn = np.zeros(rows, dtype=np.int64) if optimizers is None else optimizers
    at = np.arange(1, rows + 1) if steps is None else steps
    return History(
        Run("", "", ""),
        optimizers=(OptimizerInfo(0, "SGD", {}, ()),),
        parameters=tuple(ParameterInfo(i, f"p{i}", (1,)) for i in range(columns)),
        parameter_layers={"grad_norm": Layers(at, values, turn)},
    )


def test_cells_keep_three_digits_and_the_whole_range():
    values = np.array([[1e-30, 0.0], [123.456, 1e30], [np.nan, np.inf]])
    got = decoded(maps(with_norms(values))["grad_norm"])
    np.testing.assert_allclose(got, values.T, rtol=2**-8)


def test_columns_keep_the_value_of_largest_magnitude():
    values = np.zeros((5_000, 3))
    values[1234, 1] = -7.0
    one = maps(with_norms(values))["grad_norm"]
    assert len(one["steps"]) == COLUMNS
    got = decoded(one)
    column = next(i for i, (first, last) in enumerate(one["steps"]) if first <= 1235 <= last)
    assert got[1, column] == -7.0
    assert np.count_nonzero(got) == 1
    assert (one["steps"][0][0], one["steps"][-1][1]) == (1, 5_000)


def test_many_tensors_keep_the_file_small():
    one = maps(with_norms(np.ones((5_000, 900))))["grad_norm"]
    assert len(one["steps"]) * 900 <= CELLS
    assert len(one["rows"]) == 900


def test_optimizers_in_turn_leave_no_empty_cell():
    one = maps(histories.gan())["grad_norm"]
    assert np.isfinite(decoded(one)).all()


def test_nan_norm_of_nonfinite_gradients_is_marked_and_missing_ones_are_not():
    history = histories.diverged()
    history.parameter_layers["grad_norm"].values[0, 0] = np.nan
    got = decoded(maps(history)["grad_norm"])
    assert np.isnan(got[0, 0])
    assert np.isinf(got[:, -1]).all()
    assert np.isfinite(got[1:, 0]).all()


def test_only_what_was_measured_is_offered():
    assert list(maps(histories.healthy())) == [
        "grad_norm",
        "update_ratio",
        "param_norm",
        "update_norm",
        "grad_zero_share",
        "dead_share",
        "mean",
    ]
    assert "grad_nonfinite_share" in maps(histories.diverged())
    assert maps(histories.healthy())["dead_share"]["rows"] == [
        "relu after conv1.weight",
        "relu after conv2.weight",
    ]
    assert heat_maps(histories.empty()) == []


@pytest.mark.parametrize("zero", [0.0, np.nan])
def test_update_ratio_is_not_measured_where_the_parameter_is_zero(zero):
    history = histories.healthy()
    history.parameter_layer("param_norm").values[:, 2] = zero
    ratio = per_layer(history, "update_ratio").values
    assert np.isnan(ratio[:, 2]).all()
    assert np.isfinite(np.delete(ratio, 2, axis=1)).all()


def test_rows_follow_the_optimizers_order():
    values = np.array([[1.0, 2.0, 3.0, 4.0]])
    history = replace(
        with_norms(values),
        optimizers=(OptimizerInfo(0, "SGD", {}, (2, 0)), OptimizerInfo(1, "SGD", {}, (1, 0))),
    )
    assert parameter_order(history) == [2, 0, 1, 3]
    one = maps(history)["grad_norm"]
    assert one["rows"] == ["p2", "p0", "p1", "p3"]
    np.testing.assert_array_equal(decoded(one)[:, 0], [3, 1, 2, 4])


def test_a_row_without_values_says_why():
    history = with_norms(np.array([[1.0, np.nan, np.nan, np.nan], [2.0, np.nan, np.nan, np.nan]]))
    frozen, never = (replace(history.parameters[1], requires_grad=False), history.parameters[2])
    elsewhere = replace(history.parameters[3], received=2, optimizer=None)
    history = replace(history, parameters=(history.parameters[0], frozen, never, elsewhere))
    one = maps(history)["grad_norm"]
    assert one["why"] == [
        None,
        "frozen: requires_grad is False",
        "never had a gradient",
        "in no optimizer",
    ]
    assert one["blank"] == "no gradient"
