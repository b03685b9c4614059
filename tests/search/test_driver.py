"""A driven script trains as if it had been written with the setting: to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, StepLR

from surefoot.capture.limit import StepLimit
from surefoot.capture.step_hooks import StepListener, leave, listen
from surefoot.clipping import ClipByNorm
from surefoot.optimizers import optimizer as by_name
from surefoot.schedules import cosine, scheduler
from surefoot.search.driver import Driver
from surefoot.search.settings import Setting

Make = Callable[[nn.Module], torch.optim.Optimizer]


@contextmanager
def driven(**values: Any) -> Iterator[Driver]:
    made = Driver(Setting(tuple((name.replace("_", "-"), value) for name, value in values.items())))
    listener = StepListener(made.before, made.after)
    listen(listener)
    try:
        yield made
    finally:
        leave(listener, False)


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def trained(make: Make, schedule: Callable[[Any], Any] | None = None, steps: int = 12) -> list[torch.Tensor]:
    net = model()
    optimizer = make(net)
    rates = schedule(optimizer) if schedule is not None else None
    x = torch.linspace(-1, 1, 64).reshape(16, 4)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), x.sum(1, keepdim=True)).backward()
        optimizer.step()
        if rates is not None:
            rates.step()
    return [p.detach().clone() for p in net.parameters()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(map(torch.equal, one, other))


def sgd(**options: Any) -> Make:
    return lambda net: torch.optim.SGD(net.parameters(), **options)


def halves(cls: type[torch.optim.Optimizer], *options: dict[str, Any], **common: Any) -> Make:
    """Two groups: the first layer, and the last."""
    return lambda net: cls(
        [
            {"params": list(part.parameters()), **own}
            for part, own in zip((net[0], net[2]), options, strict=True)
        ],
        **common,
    )


def test_the_rate_is_as_if_written_and_the_schedule_goes_on() -> None:
    steps: Callable[[Any], Any] = lambda optimizer: StepLR(optimizer, 4, gamma=0.5)  # noqa: E731
    with driven(lr=0.25):
        found = trained(sgd(lr=0.125, momentum=0.9), steps)
    assert same(found, trained(sgd(lr=0.25, momentum=0.9), steps))
    assert not same(found, trained(sgd(lr=0.125, momentum=0.9), steps))


def test_groups_keep_their_proportion_to_the_first() -> None:
    with driven(lr=0.5):
        found = trained(halves(torch.optim.SGD, {"lr": 0.125}, {"lr": 0.25}))
    assert same(found, trained(halves(torch.optim.SGD, {"lr": 0.5}, {"lr": 1.0})))


def test_a_rate_that_climbs_is_scaled_from_its_top() -> None:
    def schedule(top: float) -> Callable[[Any], Any]:
        return lambda optimizer: OneCycleLR(optimizer, top, total_steps=20, cycle_momentum=False)

    with driven(lr=0.5):
        found = trained(sgd(lr=0.1), schedule(0.125))
    wanted = trained(sgd(lr=0.1), schedule(0.5))
    assert all(torch.allclose(a, b, rtol=1e-6, atol=1e-7) for a, b in zip(found, wanted, strict=True))


def test_the_script_finds_its_own_rate_after_each_step() -> None:
    net = model()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    before = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
    with driven(lr=1.0, momentum=0.5, weight_decay=0.1):
        net(torch.ones(1, 4)).sum().backward()
        optimizer.step()
    assert {name: value for name, value in optimizer.param_groups[0].items() if name != "params"} == before


def test_momentum_and_decay_are_as_if_written_and_spared_groups_stay_spared() -> None:
    with driven(momentum=0.5, weight_decay=0.25):
        found = trained(halves(torch.optim.SGD, {"weight_decay": 0.0}, {"weight_decay": 0.1}, lr=0.1))
    wanted = halves(torch.optim.SGD, {"weight_decay": 0.0}, {"weight_decay": 0.25}, lr=0.1, momentum=0.5)
    assert same(found, trained(wanted))
    with driven(momentum=0.5):
        found = trained(lambda net: torch.optim.Adam(net.parameters(), lr=0.01))
    assert same(found, trained(lambda net: torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.5, 0.999))))


def test_a_schedule_stands_in_for_the_script_s_own() -> None:
    with driven(schedule="cosine(12)"):
        found = trained(sgd(lr=0.1), lambda optimizer: StepLR(optimizer, 2, gamma=0.1))
    assert same(found, trained(sgd(lr=0.1), lambda optimizer: scheduler(optimizer, cosine(12))))


@pytest.mark.parametrize("name", ["gd", "momentum", "sgd", "nesterov", "rmsprop", "adam", "adamw"])
def test_another_optimizer_is_as_if_written(name: str) -> None:
    with driven(optimizer=name, lr=0.03125):
        found = trained(sgd(lr=0.5))
    assert same(found, trained(lambda net: by_name(name, net, lr=0.03125, decay_all=True)))


def test_another_optimizer_keeps_groups_rates_decay_and_schedule() -> None:
    steps: Callable[[Any], Any] = lambda optimizer: StepLR(optimizer, 4, gamma=0.5)  # noqa: E731
    with driven(optimizer="adamw", lr=0.0625, momentum=0.75):
        script = halves(
            torch.optim.SGD, {"lr": 0.5, "weight_decay": 0.0}, {"lr": 1.0, "weight_decay": 0.125}, lr=9.0
        )
        found = trained(script, steps)
    wanted = halves(
        torch.optim.AdamW,
        {"lr": 0.0625, "weight_decay": 0.0},
        {"lr": 0.125, "weight_decay": 0.125},
        betas=(0.75, 0.999),
    )
    assert same(found, trained(wanted, steps))


def test_without_a_rate_another_optimizer_has_its_page_s() -> None:
    with driven(optimizer="adamw"):
        found = trained(sgd(lr=0.5))
    wanted = trained(lambda net: by_name("adamw", net, decay_all=True))
    assert all(torch.allclose(a, b, rtol=1e-6, atol=1e-8) for a, b in zip(found, wanted, strict=True))


def with_closure(make: Make, steps: int = 5) -> list[torch.Tensor]:
    net = model()
    optimizer = make(net)
    x = torch.linspace(-1, 1, 64).reshape(16, 4)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), x.sum(1, keepdim=True))
        loss.backward()
        return loss

    for _ in range(steps):
        assert optimizer.step(closure) is not None
    return [p.detach().clone() for p in net.parameters()]


def test_closures_go_both_ways() -> None:
    with driven(optimizer="lbfgs", lr=0.5):
        found = with_closure(sgd(lr=0.1))
    assert same(found, with_closure(lambda net: by_name("lbfgs", net, lr=0.5)))
    with driven(optimizer="adam", lr=0.03125):
        found = with_closure(lambda net: torch.optim.LBFGS(net.parameters(), lr=1.0))
    assert same(found, with_closure(lambda net: torch.optim.Adam(net.parameters(), lr=0.03125)))


def test_a_clipper_of_the_script_acts_before_another_optimizer() -> None:
    def clipped(make: Make) -> Make:
        def made(net: nn.Module) -> torch.optim.Optimizer:
            optimizer = make(net)
            ClipByNorm(0.01).attach(optimizer)
            return optimizer

        return made

    with driven(optimizer="momentum", lr=0.5):
        found = trained(clipped(sgd(lr=0.1)))
    assert same(found, trained(clipped(lambda net: by_name("momentum", net, lr=0.5))))


class Noisy(torch.optim.SGD):
    """One whose step does something of its own without gradients, and builds on its parent's."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.mul_(0.5)
        return super().step(closure)


def test_an_optimizer_of_the_script_s_own_can_be_replaced() -> None:
    with driven(optimizer="momentum", lr=0.25):
        found = trained(lambda net: Noisy(net.parameters(), lr=0.1))
    assert same(found, trained(lambda net: by_name("momentum", net, lr=0.25)))


def test_parameters_unfrozen_later_step_too() -> None:
    def late(make: Make) -> list[torch.Tensor]:
        net = model()
        net[0].requires_grad_(False)
        optimizer = make(net)
        for step in range(6):
            net[0].requires_grad_(step >= 2)
            optimizer.zero_grad()
            net(torch.ones(3, 4)).square().sum().backward()
            optimizer.step()
        return [p.detach().clone() for p in net.parameters()]

    with driven(optimizer="gd", lr=0.03125):
        found = late(sgd(lr=0.5))
    assert same(found, late(sgd(lr=0.03125)))


def test_a_grad_scaler_s_scale_is_taken_out_for_another_optimizer() -> None:
    def scaled(make: Make) -> list[torch.Tensor]:
        net = model()
        optimizer = make(net)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        for step in range(6):
            optimizer.zero_grad()
            loss = net(torch.ones(3, 4)).square().sum() * (float("inf") if step == 3 else 1.0)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return [p.detach().clone() for p in net.parameters()]

    with driven(optimizer="gd", lr=0.03125):
        found = scaled(lambda net: torch.optim.Adam(net.parameters(), lr=0.5, fused=True))
    assert same(found, scaled(sgd(lr=0.03125)))


@pytest.mark.parametrize(
    ("values", "make", "said"),
    [
        ({"optimizer": "lbfgs"}, sgd(lr=0.1), "no closure"),
        ({"momentum": 0.9}, lambda net: torch.optim.Adagrad(net.parameters()), "Adagrad has no momentum"),
        ({"lr": 0.1}, sgd(lr=0.0), "all 0"),
        (
            {"optimizer": "lbfgs"},
            halves(torch.optim.SGD, {"lr": 0.1}, {"lr": 0.2}),
            "lbfgs takes one group of parameters",
        ),
    ],
)
def test_what_can_t_be_set_ends_the_script_with_a_reason(values: Any, make: Make, said: str) -> None:
    with driven(**values) as driver, pytest.raises(StepLimit):
        trained(make)
    assert driver.trouble is not None
    assert said in driver.trouble
