"""The sentence that recommends a rate says what each trial came to, and whose rate it is."""

from __future__ import annotations

import pytest

from surefoot.facts import RateTrial, SuggestedRate
from surefoot.lr_range_test.recommendation import by_trials, candidates


def trial(rate: float, loss: float, mean: float, *methods: str) -> RateTrial:
    return RateTrial(rate=rate, methods=methods, steps=100, loss=loss, error=0.01, mean=mean)


def test_a_rate_that_came_down_later_is_given_with_its_own_loss() -> None:
    tried = [
        trial(0.0126, 0.41, 0.9, "valley"),
        trial(0.1, 0.428, 0.6, "edge"),
        trial(1.0, 0.7, 0.8, "yours"),
    ]
    assert by_trials(tried) == (
        0.1,
        "0.1 (edge): training loss 0.428 after 100 steps; 0.0126 (0.41) is too close to tell apart, and came down "
        "later; yours, 1, came to 0.7",
    )


def test_yours_is_said_once_where_it_is_as_good() -> None:
    tried = [trial(0.01, 0.41, 0.9, "yours"), trial(0.03, 0.42, 0.8, "valley"), trial(0.1, 0.42, 0.6, "edge")]
    rate, said = by_trials(tried)
    assert rate == 0.1
    assert said.endswith(
        "; your 0.01 (0.41) and 0.03 (0.42) are too close to tell apart, and came down later"
    )


def test_a_clear_winner_is_the_lowest() -> None:
    rate, said = by_trials([trial(0.1, 0.2, 0.6, "edge", "half of curvature"), trial(1.0, 0.7, 0.5, "yours")])
    assert rate == 0.1
    assert said == (
        "0.1 (edge, close to half of curvature): training loss 0.2 after 100 steps, the lowest; "
        "yours, 1, came to 0.7"
    )


def test_no_rate_where_every_trial_failed() -> None:
    failed = RateTrial(rate=0.1, methods=("edge",), steps=3, ended="the loss is no finite number any more")
    assert by_trials([failed]) == (None, "no suggestion: every rate that was tried failed")


@pytest.mark.parametrize(("present", "tried"), [(None, 0.29), (0.3, 0.3)])
def test_rates_close_to_each_other_are_tried_once(present: float | None, tried: float) -> None:
    made = [SuggestedRate(method="edge", rate=0.29), SuggestedRate(method="curvature", rate=0.622)]
    (found,) = candidates(made, 1e-6, 10.0, present)
    assert found.rate == tried
    assert set(found.methods) == {"edge", "half of curvature"} | ({"yours"} if present else set())
