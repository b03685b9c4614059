"""Laws of schedules: how they combine, resume, print, read and refuse."""

import math
import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.errors import SettingError
from surefoot.schedules import (
    Schedule,
    as_schedule,
    constant,
    cosine,
    cosine_restarts,
    epochs,
    exponential,
    function,
    inverse_square_root,
    inverse_time,
    linear,
    multi_step,
    one_cycle,
    parse,
    polynomial,
    scheduler,
    step,
    table,
    warmup,
    warmup_stable_decay,
)

LENGTHS = st.integers(1, 60)
FACTORS = st.floats(0.0, 1.0)
FINITE = st.one_of(
    st.builds(warmup, LENGTHS, FACTORS),
    st.builds(constant, st.floats(0, 3), LENGTHS),
    st.builds(cosine, LENGTHS, FACTORS),
    st.builds(linear, LENGTHS, FACTORS, FACTORS),
    st.builds(polynomial, LENGTHS, st.floats(0.1, 4), FACTORS),
    st.builds(one_cycle, st.integers(4, 60), st.floats(0.3, 0.7)),
    st.builds(lambda n, c: cosine_restarts(n, cycles=c), LENGTHS, st.integers(1, 4)),
    st.builds(lambda g, n: exponential(g).first(n), st.floats(0.5, 1), LENGTHS),
    st.builds(lambda n, e: cosine(n).held(e), LENGTHS, st.integers(1, 9)),
)
ANY = st.one_of(
    FINITE,
    st.builds(step, LENGTHS, FACTORS),
    st.builds(exponential, st.floats(0.5, 1)),
    st.builds(inverse_time, st.floats(0, 2)),
    st.builds(inverse_square_root, LENGTHS),
)


@settings(max_examples=60, deadline=None)
@given(FINITE, ANY, st.integers(0, 200))
def test_the_second_starts_where_the_first_ends(first, second, at):
    joined = first >> second
    expected = first(at) if at < first.duration else second(at - first.duration)
    assert joined(at) == expected
    if second.duration is not None:
        assert joined.duration == first.duration + second.duration


@settings(max_examples=40, deadline=None)
@given(FINITE, FINITE, ANY, st.integers(0, 300))
def test_joining_is_associative(a, b, c, at):
    assert ((a >> b) >> c)(at) == (a >> (b >> c))(at)
    assert repr((a >> b) >> c) == repr(a >> (b >> c))


@settings(max_examples=60, deadline=None)
@given(ANY, ANY, st.floats(0, 10), st.integers(0, 300))
def test_products_and_scaling(a, b, by, at):
    assert (a * b)(at) == a(at) * b(at)
    assert (a * by)(at) == (by * a)(at) == by * a(at)


@settings(max_examples=60, deadline=None)
@given(FINITE, st.integers(0, 300))
def test_a_finite_schedule_holds_its_last_factor(schedule, beyond):
    assert schedule(schedule.duration + beyond) == schedule(schedule.duration)


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(ANY, st.builds(lambda a, b: a >> b, FINITE, ANY), st.builds(lambda a, b: a * b * 0.5, ANY, ANY))
)
def test_what_is_printed_reads_back(schedule):
    again = parse(repr(schedule))
    for at in (0, 1, 7, 31, 200):
        assert again(at) == pytest.approx(schedule(at), rel=1e-5, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(ANY, st.integers(0, 100))
def test_resuming_needs_the_step_alone(schedule, at):
    def made():
        return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3, momentum=0.9)

    def state(optimizer):
        group = optimizer.param_groups[0]
        return group["lr"], group["momentum"]

    straight, resumed, loaded = made(), made(), made()
    rates = scheduler(straight, schedule)
    for _ in range(at):
        straight.step()
        rates.step()
    scheduler(resumed, schedule, step=at)
    other = scheduler(loaded, schedule)
    other.load_state_dict(rates.state_dict())
    assert state(straight) == state(resumed) == state(loaded)
    assert rates.state_dict() == {"step": at}
    straight.step()
    rates.step()
    loaded.step()
    other.step()
    assert state(straight) == state(loaded)
    assert rates.get_last_lr() == other.get_last_lr()


def test_works_as_lambda_lr_alone():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup(4) >> cosine(4))
    seen = []
    for _ in range(9):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rates.step()
    assert seen == (warmup(4) >> cosine(4)).values(range(9))
    again = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup(4) >> cosine(4))
    again.load_state_dict(pickle.loads(pickle.dumps(rates.state_dict())))
    assert again.last_epoch == rates.last_epoch


def test_epochs_become_steps():
    schedule = warmup(epochs(2)) >> cosine(epochs(7.5)) >> multi_step([epochs(1), epochs(3)]) * 0.5
    assert schedule.in_epochs
    steps = schedule.in_steps(10)
    assert not steps.in_epochs
    assert repr(steps) == "warmup(20) >> cosine(75) >> 0.5 * multi_step((10, 30))"
    assert (warmup(epochs(1)) >> cosine(50)).in_steps(10)(10) == 1.0
    assert cosine(epochs(4)).held(epochs(1)).in_steps(10).values([0, 9, 10]) == [1.0, 1.0, cosine(40)(10)]
    with pytest.raises(SettingError, match="in epochs"):
        schedule(0)
    with pytest.raises(SettingError, match="in epochs"):
        scheduler(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0), schedule)
    assert "in_steps" not in str(schedule)


def test_closed_forms():
    assert inverse_time(0.5, every=10).values([0, 20, 180]) == [1.0, 0.5, 0.1]
    assert exponential(0.5, every=4)(2) == pytest.approx(math.sqrt(0.5))
    assert step(10, gamma=0.5).values([9, 10, 25]) == [1.0, 0.5, 0.25]
    assert warmup(4, start=0.2).values([0, 2, 4, 9]) == pytest.approx([0.2, 0.6, 1.0, 1.0])
    assert cosine_restarts(10, cycles=2, end=0.1).values([0, 10, 20, 99]) == [1.0, 1.0, 0.1, 0.1]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 50), st.integers(2, 5), st.integers(0, 10**9))
def test_restarts_find_their_cycle_at_any_step(length, growth, at):
    start, width = 0, length
    while start + width <= at:
        start, width = start + width, width * growth
    expected = (1 + math.cos(math.pi * (at - start) / width)) / 2
    assert cosine_restarts(length, growth=growth)(at) == pytest.approx(expected, abs=1e-12)


def test_table_has_the_boundaries():
    text = table((warmup(10) >> one_cycle(100)) * 0.5, lr=0.2)
    lines = text.splitlines()
    assert lines[0].split() == ["step", "factor", "lr", "momentum"]
    assert [line.split()[0] for line in lines[1:]] == ["0", "10", "39", "109", "110"]
    assert lines[1].split()[1:3] == ["0", "0"]
    assert "one_cycle(100)" in lines[2]
    assert lines[3].split()[1:4] == ["0.5", "0.1", "0.85"]
    assert lines[-1].endswith("end")
    assert str(warmup(10) >> constant()).startswith("warmup(10) >> constant()\nstep")


def test_plain_functions():
    schedule = function(lambda at: 1 / (at + 1), 3) >> constant(0.125)
    assert schedule.values([0, 1, 3, 4]) == [1.0, 0.5, 0.125, 0.125]
    assert as_schedule(lambda at: 2)(5) == 2.0
    assert as_schedule(schedule) is schedule
    with pytest.raises(SettingError, match="is no schedule"):
        as_schedule(3)


ERRORS = {
    "no length": (lambda: cosine(0), r"cosine\(0\) is no length"),
    "fraction": (lambda: warmup(2.5), r"warmup\(2\.5\) is no length"),
    "bool": (lambda: warmup(True), "is no length"),
    "epochs": (lambda: epochs(0), r"epochs\(0\) is no length"),
    "endless first": (lambda: exponential(0.9) >> constant(), r"exponential\(0\.9\) never ends"),
    "negative": (lambda: cosine(10) * -1.0, "cannot be scaled by -1"),
    "end": (lambda: cosine(10, end=2), "end is 2"),
    "gamma": (lambda: step(10, gamma=-1), "gamma is -1"),
    "not increasing": (lambda: multi_step([5, 5]), "do not increase"),
    "no milestones": (lambda: multi_step([]), "has no milestones"),
    "rise": (lambda: one_cycle(10, rise=1.5), r"rise is 1\.5"),
    "shape": (lambda: warmup_stable_decay(1, 1, 1, fall="cubic"), "'cubic' is unknown"),
    "one_cycle shape": (lambda: one_cycle(10, shape="cubic"), "'cubic' is unknown"),
    "steps per epoch": (lambda: cosine(epochs(1)).in_steps(0), "at least one step"),
    "text": (lambda: parse("warmup(10) >>"), "cannot be read"),
    "unknown": (lambda: parse("cosin(10)"), "no schedule named 'cosin': did you mean 'cosine'"),
    "uncalled": (lambda: parse("cosine"), r"write cosine\(…\)"),
    "argument": (lambda: parse("cosine(length=10, last=3)"), "cannot be made.*last"),
    "number": (lambda: parse("3"), "is no schedule"),
    "code": (lambda: parse("__import__('os').system('true')"), "has no place in a schedule"),
    "attribute": (lambda: parse("cosine(10).factor"), "has no place in a schedule"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_clear_sentence(case):
    make, message = ERRORS[case]
    with pytest.raises(SettingError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_schedules_are_values():
    assert cosine(10) == cosine(10)
    assert {warmup(3) >> cosine(4), warmup(3) >> cosine(4)} == {warmup(3) >> cosine(4)}
    assert isinstance(pickle.loads(pickle.dumps(warmup(3) >> cosine(4))), Schedule)


def test_the_mathematics_needs_no_torch():
    code = (
        "import sys; from surefoot.schedules import *; import surefoot.schedules as s; "
        "print(s.warmup(3) >> s.cosine(4) * 0.5); assert 'torch' not in sys.modules"
    )
    code = code.replace("from surefoot.schedules import *; ", "")
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
