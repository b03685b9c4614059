"""The first step and parameter at which two runs part, and what counts as rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from comparison.histories import recorded
from surefoot.comparison.parting import TOLERANCE, TOLERANCE_16, parting
from surefoot.facts import LossCall
from surefoot.records import ParameterInfo, Series

RNG = np.random.default_rng(0)
LOSS = np.exp(-np.arange(50) / 20)
SAMPLED = [1, 2, 10, 20, 30, 40]
NORMS = np.abs(RNG.normal(1, 0.1, (6, 3)))


def with_layers(change: float = 0.0, since: int = 0, column: int = 1, quantity: str = "grad_norm"):  # type: ignore[no-untyped-def]
    rows = NORMS.copy()
    rows[since:, column] *= 1 + change
    return {quantity: (SAMPLED, rows)}


def test_equal_runs_are_the_same_to_the_last_digit() -> None:
    found = parting(recorded(loss=LOSS, layers=with_layers()), recorded(loss=LOSS, layers=with_layers()))
    assert found is not None
    assert (found.first, found.parameter, found.rounded, found.grown) == (None, None, None, False)
    assert (found.compared, found.last) == (50, 50)


def test_rounding_is_no_parting_but_is_told() -> None:
    found = parting(recorded(loss=LOSS), recorded(loss=LOSS * (1 + 1e-6)))
    assert found is not None
    assert (found.first, found.rounded) == (None, 1)


@pytest.mark.parametrize("step", [1, 2, 17, 50])
def test_the_step_at_which_the_loss_parts(step: int) -> None:
    other = LOSS.copy()
    other[step - 1 :] += 0.01
    found = parting(recorded(loss=LOSS), recorded(loss=other))
    assert found is not None
    assert found.first is not None
    assert (found.first.quantity, found.first.step, found.first.agreed) == ("loss", step, step - 1)
    assert not found.grown


def test_the_parameter_is_named_with_the_bracket_of_sampled_steps() -> None:
    found = parting(recorded(layers=with_layers()), recorded(layers=with_layers(0.3, since=3)))
    assert found is not None
    first = found.first
    assert first is not None
    assert (first.quantity, first.parameter, first.step, first.agreed) == (
        "gradient norm",
        "fc1.bias",
        20,
        10,
    )
    assert first.others == 0


def test_a_loss_parts_before_the_parameters_are_sampled_again() -> None:
    other = LOSS.copy()
    other[14:] *= 1.1
    found = parting(
        recorded(loss=LOSS, layers=with_layers()), recorded(loss=other, layers=with_layers(0.3, since=3))
    )
    assert found is not None
    assert found.first is not None
    assert found.parameter is not None
    assert (found.first.quantity, found.first.step) == ("loss", 15)
    assert (found.parameter.parameter, found.parameter.agreed, found.parameter.step) == ("fc1.bias", 10, 20)


def test_weights_are_named_before_the_loss_that_follows_from_them() -> None:
    layers = with_layers(0.01, quantity="param_norm", column=2)
    other = recorded(loss=LOSS * 1.1, layers=layers)
    found = parting(recorded(loss=LOSS, layers=with_layers(quantity="param_norm")), other)
    assert found is not None
    assert found.first is not None
    assert (found.first.quantity, found.first.parameter, found.first.step) == ("weight norm", "fc2.weight", 1)


def test_parameters_are_matched_by_name_and_shape() -> None:
    shapes = {"fc2.weight": (2, 8), "fc1.weight": (9, 4), "fc1.bias": (8,)}
    rows = NORMS[:, [2, 0, 1]].copy()
    rows[:, 1] *= 5  # of another shape, which is no parting
    other = recorded(loss=LOSS, shapes=shapes, layers={"grad_norm": (SAMPLED, rows)})
    found = parting(recorded(loss=LOSS, layers=with_layers()), other)
    assert found is not None
    assert found.first is None


def test_parameters_of_one_name_and_shape_are_matched_in_their_order() -> None:
    shapes = (("0.weight", (4, 4)), ("0.weight", (4, 4)), ("1.weight", (2, 4)))
    infos = tuple(ParameterInfo(at, name, shape) for at, (name, shape) in enumerate(shapes))
    one, other = (replace(recorded(name, layers=with_layers()), parameters=infos) for name in ("a", "b"))
    found = parting(one, other)
    assert found is not None
    assert found.first is None


def test_what_grew_from_rounding_is_told_from_what_was_there_at_once() -> None:
    growing = 1e-8 * 1.5 ** np.arange(50)
    found = parting(recorded(loss=LOSS), recorded(loss=LOSS * (1 + growing)))
    assert found is not None
    assert found.grown
    assert found.rounded is not None
    assert found.rounded < 5
    at_once = np.where(np.arange(50) < 30, 1e-8, 0.2)
    found = parting(recorded(loss=LOSS), recorded(loss=LOSS * (1 + at_once)))
    assert found is not None
    assert not found.grown
    assert found.first is not None
    assert found.first.step == 31


def test_a_gradient_that_is_nothing_but_rounding_counts_nowhere() -> None:
    # A bias before a batch normalisation: Adam makes full steps of it, in a direction that rounding chooses.
    gradients, updates, weights = NORMS.copy(), NORMS.copy(), NORMS.copy()
    gradients[:, 1] = 1e-8
    other = {"grad_norm": gradients.copy(), "update_norm": updates.copy(), "param_norm": weights.copy()}
    other["grad_norm"][:, 1] = 3e-8
    other["update_norm"][:, 1] *= 1.3
    other["param_norm"][1:, 1] *= 1.3
    mine = {"grad_norm": gradients, "update_norm": updates, "param_norm": weights}
    sampled = [recorded(layers={name: (SAMPLED, rows) for name, rows in of.items()}) for of in (mine, other)]
    found = parting(*sampled)
    assert found is not None
    assert found.first is None
    other["param_norm"][0, 1] *= 1.3  # but where it starts from counts
    changed = recorded(layers={name: (SAMPLED, rows) for name, rows in other.items()})
    found = parting(sampled[0], changed)
    assert found is not None
    assert found.first is not None
    assert (found.first.quantity, found.first.parameter) == ("weight norm", "fc1.bias")


def test_another_learning_rate_parts_at_any_size() -> None:
    found = parting(recorded(), recorded(settings={"lr": 0.1 + 1e-6}))
    assert found is not None
    assert found.first is not None
    assert (found.first.quantity, found.first.step) == ("learning rate", 1)


def test_one_that_is_no_number_any_more() -> None:
    other = LOSS.copy()
    other[20:] = np.nan
    found = parting(recorded(loss=LOSS), recorded(loss=other))
    assert found is not None
    assert found.first is not None
    assert found.first.step == 21
    both = parting(recorded(loss=other), recorded(loss=other))
    assert both is not None
    assert both.first is None


def test_16_bit_floats_round_more() -> None:
    half = [LossCall("train.py:1", function="mse_loss", input_dtype="bfloat16")]
    for facts, tolerance in (((), TOLERANCE), (half, TOLERANCE_16)):
        found = parting(recorded(loss=LOSS, facts=facts), recorded(loss=LOSS * 1.01, facts=facts))
        assert found is not None
        assert found.tolerance == tolerance
        assert (found.first is None) == (tolerance == TOLERANCE_16)


def test_runs_of_other_lengths_are_compared_as_far_as_both_go() -> None:
    found = parting(recorded(loss=LOSS), recorded(loss=LOSS[:7]))
    assert found is not None
    assert (found.first, found.last) == (None, 7)


def test_no_step_in_common() -> None:
    assert parting(recorded(), recorded(loss=())) is None
    assert parting(recorded(loss=()), recorded(loss=())) is None


def test_a_batch_before_the_first_step_is_no_step() -> None:
    one, other = (
        replace(recorded(name, loss=()), metrics={"target/mean": Series.of([mean], [0])})
        for name, mean in (("a", 1.0), ("b", 2.0))
    )
    assert parting(one, other) is None
