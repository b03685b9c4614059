"""The loss of a step is the function whose gradient the step follows: the sum of the roots of its backwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.facts import Defect
from surefoot.records import History

STEPS = 5


def recorded(run: sf.Observation) -> History:
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(8, 4), torch.randint(0, 3, (8,))


def whole(loss: Tensor, model: nn.Module) -> float:
    loss.backward()
    return loss.item()


def weighted(loss: Tensor, model: nn.Module) -> float:
    loss.backward(gradient=torch.tensor(0.25))
    return 0.25 * loss.item()


def by_example(loss: Tensor, model: nn.Module) -> float:
    values = torch.stack([loss, 2 * loss])
    values.backward(torch.tensor([1.0, 0.5]))
    return 2 * loss.item()


def several(loss: Tensor, model: nn.Module) -> float:
    torch.autograd.backward([loss, 0.1 * loss], [None, torch.tensor(3.0)])
    return 1.3 * loss.item()


def quarters(loss: Tensor, model: nn.Module) -> float:
    for _ in range(4):
        (loss / 4).backward(retain_graph=True)
    return loss.item()


def parts(loss: Tensor, model: nn.Module) -> float:
    loss.backward(retain_graph=True)
    penalty = 0.01 * sum(p.square().sum() for p in model.parameters())
    penalty.backward()
    return loss.item() + penalty.item()


def clipped_between(loss: Tensor, model: nn.Module) -> float:
    for _ in range(2):
        (loss / 2).backward(retain_graph=True)
        nn.utils.clip_grad_norm_(model.parameters(), 0.05)
    return loss.item()


@pytest.mark.parametrize("way", [whole, weighted, by_example, several, quarters, parts, clipped_between])
@pytest.mark.parametrize("closure", [False, True])
def test_the_sum_of_the_roots(
    way: Callable[[Tensor, nn.Module], float], closure: bool, tmp_path: Path
) -> None:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses: list[float] = []
    with sf.watch(runs=tmp_path) as run:
        for _ in range(STEPS):
            inputs, targets = batch()

            def evaluate(inputs: Tensor = inputs, targets: Tensor = targets) -> float:
                optimizer.zero_grad()
                losses.append(way(F.cross_entropy(model(inputs), targets), model))
                return losses[-1]

            if closure:
                optimizer.step(evaluate)
            else:
                evaluate()
                optimizer.step()
    np.testing.assert_allclose(recorded(run).series("loss").values, losses, rtol=1e-5)


def test_a_closure_that_adds_to_what_was_accumulated(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    with sf.watch(runs=tmp_path) as run:
        for _ in range(STEPS):
            shares: list[Tensor] = []

            def add(shares: list[Tensor] = shares) -> Tensor:
                inputs, targets = batch()
                shares.append(F.cross_entropy(model(inputs), targets) / 3)
                shares[-1].backward()
                return shares[-1]

            add()
            add()
            optimizer.step(add)
            optimizer.zero_grad()
            losses.append(sum(share.item() for share in shares))
    history = recorded(run)
    np.testing.assert_allclose(history.series("loss").values, losses, rtol=1e-5)
    assert history.series("micro_steps").values.tolist() == [3.0] * STEPS


def test_a_searching_optimizer_begins_at_its_first_evaluation(tmp_path: Path) -> None:
    model, (inputs, targets) = nn.Linear(4, 3), batch()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5)
    first: list[float] = []
    with sf.watch(runs=tmp_path) as run:
        for _ in range(STEPS):

            def closure(seen: list[float]) -> Tensor:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), targets)
                loss.backward(retain_graph=True)
                seen.append(loss.item())
                return loss

            seen: list[float] = []
            optimizer.step(lambda seen=seen: closure(seen))
            first.append(seen[0])
    np.testing.assert_allclose(recorded(run).series("loss").values, first, rtol=1e-5)


@pytest.mark.parametrize("helper", [False, True])
def test_adversaries(helper: bool, tmp_path: Path) -> None:
    generator, critic = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    by_generator = torch.optim.Adam(generator.parameters(), 1e-3)
    by_critic = torch.optim.Adam(critic.parameters(), 1e-3)
    losses: dict[int, list[float]] = {0: [], 1: []}

    def back(loss: Tensor) -> float:  # all backwards from one line
        loss.backward()
        return loss.item()

    with sf.watch(runs=tmp_path) as run:
        for _ in range(STEPS):
            critic.zero_grad()
            fake = generator(torch.randn(16, 3))
            on_real = F.softplus(-critic(torch.randn(16, 2) + 2)).mean()
            on_fake = F.softplus(critic(fake.detach())).mean()
            if helper:
                losses[0].append(back(on_real) + back(on_fake))
            else:
                on_real.backward()
                on_fake.backward()
                losses[0].append(on_real.item() + on_fake.item())
            by_critic.step()
            generator.zero_grad()
            fooled = F.softplus(-critic(fake)).mean()
            losses[1].append(fooled.item())
            back(fooled) if helper else fooled.backward()
            by_generator.step()
    history = recorded(run)
    for optimizer, expected in losses.items():
        np.testing.assert_allclose(history.series("loss", optimizer).values, expected, rtol=1e-5)


def test_one_helper_updates_two_models(tmp_path: Path) -> None:
    models = [nn.Linear(4, 3), nn.Linear(4, 3)]
    optimizers = [torch.optim.SGD(model.parameters(), 0.1) for model in models]
    losses: list[list[float]] = [[], []]

    def update(which: int) -> None:
        inputs, targets = batch()
        loss = F.cross_entropy(models[which](inputs), targets)
        optimizers[which].zero_grad()
        loss.backward()
        optimizers[which].step()
        losses[which].append(loss.item())

    with sf.watch(runs=tmp_path) as run:
        for _ in range(STEPS):
            update(0)
            update(1)
    history = recorded(run)
    for which in range(2):
        np.testing.assert_allclose(history.series("loss", which).values, losses[which], rtol=1e-5)


def test_a_backward_for_some_leaves_only(tmp_path: Path) -> None:
    actor, critic = nn.Linear(4, 4), nn.Linear(4, 1)
    optimizers = [torch.optim.SGD(model.parameters(), 0.01) for model in (actor, critic)]
    losses: list[list[float]] = [[], []]
    with sf.watch(runs=tmp_path) as run:
        for _ in range(STEPS):
            inputs, _ = batch()
            for optimizer in optimizers:
                optimizer.zero_grad()
            value = critic(actor(inputs))
            wanted, error = -value.mean(), (value - 1).square().mean()
            wanted.backward(inputs=list(actor.parameters()), retain_graph=True)
            error.backward(inputs=list(critic.parameters()))
            for optimizer in optimizers:
                optimizer.step()
            losses[0].append(wanted.item())
            losses[1].append(error.item())
    history = recorded(run)
    for which in range(2):
        np.testing.assert_allclose(history.series("loss", which).values, losses[which], rtol=1e-5)


@pytest.mark.parametrize("form", ["divided", "list", "two"])
def test_scaled_losses(form: str, tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=512.0)
    losses = []
    with sf.watch(runs=tmp_path) as run:
        for _ in range(STEPS):
            optimizer.zero_grad()
            total = 0.0
            first, second = (F.cross_entropy(model(x), y) for x, y in (batch(), batch()))
            if form == "divided":
                for loss in (first, second):
                    (scaler.scale(loss) / 2).backward()
                total = (first + second).item() / 2
            elif form == "list":
                torch.autograd.backward(scaler.scale([first, second]))
                total = (first + second).item()
            else:
                one, other = scaler.scale(first), scaler.scale(second)
                one.backward()
                other.backward()
                total = (first + second).item()
            scaler.step(optimizer)
            scaler.update()
            losses.append(total)
    np.testing.assert_allclose(recorded(run).series("loss").values, losses, rtol=1e-5)
