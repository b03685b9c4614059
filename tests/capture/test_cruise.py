"""Cruising: ordinary steps cost few calls, and leave what full attention would have left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.capture import cruise, losses, recorder
from surefoot.capture.cruise import Cruise
from surefoot.capture.observation import Observation
from surefoot.capture.sampling import Sampler, Schedule
from surefoot.facts import Cadence, DataWait, Defect, Fact, Memory

STEPS = 60
Body = Callable[[int], None]


def model(*more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), *more, nn.Linear(8, 3))


def data(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(12, 6, generator=generator), torch.randint(0, 3, (12,), generator=generator)


def classify(net: nn.Module, step: int) -> Tensor:
    x, y = data(step)
    return F.cross_entropy(net(x), y)


def ordinary(net: nn.Module, optimizer: torch.optim.Optimizer, between: Body = lambda step: None) -> Body:
    criterion = nn.CrossEntropyLoss()

    def step(number: int) -> None:
        optimizer.zero_grad()
        x, y = data(number)
        criterion(net(x), y).backward()
        between(number)
        optimizer.step()

    return step


def plain() -> Body:
    net = model()
    return ordinary(net, torch.optim.AdamW(net.parameters()))


def handmade() -> Body:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def step(number: int) -> None:
        optimizer.zero_grad()
        x, y = data(number)
        ((net(x) - F.one_hot(y, 3)) ** 2).mean().backward()
        optimizer.step()

    return step


def dropout_asleep_for_a_while() -> Body:
    net = model(nn.Dropout(0.2))
    inner = ordinary(net, torch.optim.Adam(net.parameters()))

    def step(number: int) -> None:
        if number == 33:
            net.eval()
        if number == 44:
            net.train()
        if number == 50:
            net[2].training = False  # nobody is told
        inner(number)

    return step


def clipped_by_the_script() -> Body:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    return ordinary(net, optimizer, lambda step: nn.utils.clip_grad_norm_(net.parameters(), 0.2))


def zeroed_before_the_step() -> Body:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    return ordinary(net, optimizer, lambda step: optimizer.zero_grad(set_to_none=step % 2 == 0))


def accumulated() -> Body:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def step(number: int) -> None:
        (classify(net, number) / 3).backward()
        if number % 3 == 2 or number == 40:
            optimizer.step()
            optimizer.zero_grad(set_to_none=number > 30)

    return step


def uncleared_for_a_while() -> Body:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.01)

    def step(number: int) -> None:
        if not 35 <= number < 40:
            optimizer.zero_grad()
        classify(net, number).backward()
        if number != 50:
            optimizer.step()
        if number == 52:
            optimizer.step()

    return step


def two_that_take_turns() -> Body:
    makes, judges = nn.Linear(4, 6), model()
    first = torch.optim.Adam(makes.parameters())
    second = torch.optim.Adam(judges.parameters())

    def step(number: int) -> None:
        x, y = data(number)
        second.zero_grad()
        F.cross_entropy(judges(x), y).backward()
        F.cross_entropy(judges(makes(x[:, :4]).detach()), y).backward()
        second.step()
        first.zero_grad()
        F.cross_entropy(judges(makes(x[:, :4])), y).backward()
        first.step()

    return step


def evaluated_now_and_then() -> Body:
    net = model(nn.BatchNorm1d(8))
    inner = ordinary(net, torch.optim.Adam(net.parameters()))

    def step(number: int) -> None:
        inner(number)
        if number % 20 == 19:
            net.eval()
            with torch.no_grad():
                F.cross_entropy(net(data(1)[0]), data(1)[1])
            net.train()

    return step


def odd_steps() -> Body:
    """A group added, a clipper attached, a loss of NaN, a closure, another line, a step that raises."""
    net, head = model(), nn.Linear(3, 3)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.5)
    inner = ordinary(net, optimizer)
    angry = False

    def rage(*given: Any) -> None:
        if angry:
            raise ValueError("not now")

    optimizer.register_step_pre_hook(rage)

    def step(number: int) -> None:
        nonlocal angry
        if number == 25:
            optimizer.add_param_group({"params": list(head.parameters()), "lr": 0.05})
        if number == 30:
            sf.ClipByNorm(1.0).attach(optimizer)
        if number in (36, 37):
            optimizer.zero_grad()
            (classify(net, number) * float("inf")).backward()
            optimizer.zero_grad()
        if number == 40:
            optimizer.step(lambda: classify(net, number))
        if number == 43:
            angry = True
            with pytest.raises(ValueError, match="not now"):
                inner(number)
            angry = False
        inner(number)

    return step


def partly_frozen() -> Body:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    inner = ordinary(net, optimizer)

    def step(number: int) -> None:
        net[0].requires_grad_(number > 40)
        inner(number)

    return step


def sparse() -> Body:
    net = nn.Sequential(nn.EmbeddingBag(20, 8, sparse=True), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def step(number: int) -> None:
        optimizer.zero_grad()
        _, y = data(number)
        F.cross_entropy(net(torch.arange(24).reshape(12, 2) % 20), y).backward()
        optimizer.step()

    return step


def in_float64() -> Body:
    net = model().double()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def step(number: int) -> None:
        optimizer.zero_grad()
        x, y = data(number)
        F.cross_entropy(net(x.double()), y).backward()
        optimizer.step()

    return step


class Wrapping(torch.optim.SGD):
    def __init__(self, inner: torch.optim.Optimizer, parameters: Any) -> None:
        super().__init__(parameters, 0.1)
        self.inner = inner

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.inner.step()


def wrapped() -> Body:
    net = model()
    optimizer = Wrapping(torch.optim.SGD(net.parameters(), 0.1), net.parameters())
    return ordinary(net, optimizer)


TRAININGS = (
    plain, handmade, dropout_asleep_for_a_while, clipped_by_the_script, zeroed_before_the_step, accumulated,
    uncleared_for_a_while, two_that_take_turns, evaluated_now_and_then, odd_steps, partly_frozen, sparse, in_float64,
    wrapped,
)  # fmt: skip


@pytest.fixture
def by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is examined hangs on no clock, and training is known early."""

    def measured(sampler: Sampler, step: int, cost: float, step_time: float) -> None:
        sampler.at = step
        sampler.next = step + 10

    monkeypatch.setattr(Sampler, "measured", measured)
    monkeypatch.setattr(Schedule, "measured_norms", lambda schedule, cost: None)
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 1e9)
    monkeypatch.setattr(recorder.Recorder, "flush_if_stale", lambda recorder, seconds: None)
    monkeypatch.setattr(losses, "EARLY_TARGETS", 5)
    monkeypatch.setattr(cruise, "EARLY_TARGETS", 5)


def observed(folder: Path, make: Callable[[], Body], *, cruising: bool) -> Observation:
    torch.manual_seed(0)
    with sf.watch(runs=folder) as run:
        if not cruising:
            run.observer.cruise.stop()
        body = make()
        for number in range(STEPS):
            body(number)
    return run


def facts(run: Observation) -> list[Fact]:
    history = run.history()
    assert history is not None
    found = [replace(fact, step=0) for fact in history.all_facts if not isinstance(fact, (Memory, DataWait))]
    return sorted(found, key=lambda fact: (fact.kind, fact.subject))


def series(run: Observation) -> dict[str, str]:
    history = run.history()
    assert history is not None
    names = ("loss", "grad_norm", "lr", "micro_steps", "clip_factor")
    return {
        f"{name} {info.index}": str([found.steps.tolist(), found.values.tolist()])
        for info in history.optimizers
        for name in names
        if len(found := history.series(name, info.index))
    }


@pytest.mark.usefixtures("by_number")
@pytest.mark.parametrize("make", TRAININGS, ids=lambda make: make.__name__)
def test_ordinary_steps_leave_what_full_attention_leaves(make: Callable[[], Body], tmp_path: Path) -> None:
    told: list[int] = []
    original = Cruise.step_ends

    def counting(self: Cruise, optimizer: Any) -> bool:
        taken = original(self, optimizer)
        told.append(taken)
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cruise, "step_ends", counting)
        cruised = observed(tmp_path, make, cruising=True)
    full = observed(tmp_path, make, cruising=False)
    assert sum(told) >= 5 or make in (zeroed_before_the_step, wrapped)  # of which no step is ordinary
    assert series(cruised) == series(full)
    found, wanted = facts(cruised), facts(full)
    assert not [fact for fact in found if isinstance(fact, Defect)]
    assert found == wanted


def calls_of_a_step(run: Observation, body: Body, number: int) -> int:
    own = str(Path(cruise.__file__).parents[1])
    count = 0

    def profile(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(own)

    sys.setprofile(profile)
    try:
        body(number)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.usefixtures("by_number")
def test_an_ordinary_step_costs_twelve_calls(tmp_path: Path) -> None:
    with sf.watch(runs=tmp_path) as run:
        body = plain()
        counts = [calls_of_a_step(run, body, number) for number in range(STEPS)]
    assert min(counts) <= 12
    assert sum(count <= 15 for count in counts[20:]) >= 25


@pytest.mark.usefixtures("by_number")
def test_norms_that_cost_too_much_are_spared_and_the_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Schedule, "measured_norms", lambda schedule, cost: setattr(schedule, "norms_every", 3)
    )
    run = observed(tmp_path, plain, cruising=True)
    history = run.history()
    assert history is not None
    cadence = history.fact(Cadence, "optimizer 0")
    assert cadence is not None
    assert cadence.norms_every == 3
    norms = history.series("grad_norm")
    assert len(history.series("loss")) == STEPS
    assert STEPS // 3 <= len(norms) < STEPS - 20
    assert min(norms.values) > 0

    touched = observed(tmp_path, clipped_by_the_script, cruising=True).history()
    assert touched is not None
    assert len(touched.series("grad_norm")) == STEPS
