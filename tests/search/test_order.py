"""Which member trains next, and which is stopped."""

from __future__ import annotations

from surefoot.search.order import Everything, Report, SuccessiveHalving, rungs_of
from surefoot.search.results import Result
from surefoot.search.settings import Member, Setting


def member(rate: float, seed: int = 0) -> Member:
    return Member(Setting((("lr", rate),)), seed)


def ended(*losses: float, status: str = "finished", steps: int = 90) -> Result:
    """One whose training loss was this at steps 10, 30 and 90."""
    curve = tuple(zip((10, 30, 90), losses, strict=False))
    return Result(status, steps, training=losses[-1], training_curve=curve)


def test_all_of_a_grid_train_in_order() -> None:
    order = Everything([member(1.0), member(2.0)])
    assert [order.take({}), order.take({}), order.take({})] == [member(1.0), member(2.0), None]


def test_nobody_reports_before_the_length_of_a_training_is_known() -> None:
    order = SuccessiveHalving([member(1.0), member(2.0)])
    assert order.rungs(member(1.0), {}) == ()
    assert order.rungs(member(2.0), {member(1.0): ended(3.0, 2.0, 1.0)}) == rungs_of(90) == (10, 30)


def test_the_best_third_goes_on() -> None:
    order = SuccessiveHalving([member(float(k)) for k in range(1, 9)])
    results = {member(1.0): ended(3.0, 2.0, 1.0), member(2.0): ended(4.0, 3.0, 2.0)}
    assert order.stops(member(3.0), Report(10, None, 3.5), results)
    assert not order.stops(member(4.0), Report(10, None, 2.5), results)
    # Among six, two go on: what reported counts beside what has ended.
    assert not order.stops(member(5.0), Report(10, None, 2.4), results)
    assert not order.stops(member(6.0), Report(10, None, 2.45), results)
    assert order.stops(member(7.0), Report(10, None, float("nan")), results)


def test_a_validation_loss_counts_only_where_all_have_one() -> None:
    order = SuccessiveHalving([])
    validated = Result("finished", 90, 1.0, 1.0, 9.0, ((10, 1.0),), ((10, 9.0),))
    results = {member(1.0): validated, member(2.0): validated}
    assert not order.stops(member(3.0), Report(10, 0.5, 99.0), results)
    assert order.stops(member(4.0), Report(10, None, 99.0), results)


def test_other_seeds_train_of_what_survived_alone() -> None:
    every = [member(rate, seed) for seed in range(2) for rate in (1.0, 2.0)]
    order = SuccessiveHalving(every)
    assert [order.take({}), order.take({})] == every[:2]
    assert order.take({}) is None  # both still train
    results = {every[0]: ended(3.0, 2.0, 1.0), every[1]: ended(4.0, status="stopped", steps=10)}
    assert order.take(results) == member(1.0, 1)
    assert order.take(results) is None
    assert order.count == 3
    assert order.members() == every
