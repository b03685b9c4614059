"""How a loop goes: clearing, cadence, clipping, scaling, schedules, modes, reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import lr_scheduler

from rules.joint.build import Joint, Train, classify, labelled, network, train, valued

STEPS = 24
SOFT = torch.tensor([0.2, 0.5, 0.3])


class Loop:
    """A model, its optimizer, and the pieces of which loops are made."""

    def __init__(self, model: nn.Module | None = None, optimizer: str = "SGD", rate: float = 0.05) -> None:
        self.model = model or network()
        self.optimizer = getattr(torch.optim, optimizer)(self.model.parameters(), rate)

    def zero_grad(self) -> None:
        self.optimizer.zero_grad()

    def backward(self, step: int, factor: float = 1.0) -> None:
        (classify(self.model, *labelled(step)) * factor).backward()

    def step(self) -> None:
        self.optimizer.step()


def repeat(body: Callable[[Loop, int], Any], steps: int = STEPS, **made: Any) -> Train:
    """A loop with this body."""

    def run() -> None:
        loop = Loop(**made)
        for step in range(steps):
            body(loop, step)

    return run


def usual(loop: Loop, step: int) -> None:
    loop.zero_grad()
    loop.backward(step)
    loop.step()


def cleared_too_late(loop: Loop, step: int) -> None:
    loop.backward(step)
    loop.zero_grad()
    loop.step()


def uncleared(loop: Loop, step: int) -> None:
    loop.backward(step)
    loop.step()


def unstepped(loop: Loop, step: int) -> None:
    loop.zero_grad()
    loop.backward(step)


def stepped_twice(loop: Loop, step: int) -> None:
    usual(loop, step)
    loop.step()


def never_backward(loop: Loop, step: int) -> None:
    loop.zero_grad()
    classify(loop.model, *labelled(step))
    loop.step()


def accumulating(factor: float) -> Callable[[Loop, int], None]:
    def body(loop: Loop, step: int) -> None:
        loop.zero_grad()
        for part in range(4):
            loop.backward(4 * step + part, factor)
        nn.utils.clip_grad_norm_(loop.model.parameters(), 1.0)
        loop.step()

    return body


def cleared_in_every_part(loop: Loop, step: int) -> None:
    for part in range(4):
        loop.zero_grad()
        loop.backward(4 * step + part, 0.25)
    loop.step()


def squared(itself: bool) -> Train:
    """A schedule by a function that returns the rate, or a factor of it."""

    def run() -> None:
        loop = Loop(rate=0.02)
        schedule = lr_scheduler.LambdaLR(loop.optimizer, lambda n: (0.02 if itself else 1.0) / (1 + n))
        for step in range(STEPS):
            usual(loop, step)
            schedule.step()

    return run


def watched(mode: str) -> Train:
    """A plateau watcher that is given the loss."""

    def run() -> None:
        loop = Loop(rate=0.2)
        schedule = lr_scheduler.ReduceLROnPlateau(loop.optimizer, mode, factor=0.5, patience=0)
        for epoch in range(6):
            for step in range(8):
                usual(loop, step)
            with torch.no_grad():
                schedule.step(classify(loop.model, *labelled(epoch % 2, 128)))

    return run


def clipping(limit: float, late: bool = False) -> Callable[[Loop, int], None]:
    def body(loop: Loop, step: int) -> None:
        loop.zero_grad()
        loop.backward(step)
        if late:
            loop.step()
        nn.utils.clip_grad_norm_(loop.model.parameters(), limit)
        if not late:
            loop.step()

    return body


def entries(limit: float) -> Callable[[Loop, int], None]:
    def body(loop: Loop, step: int) -> None:
        loop.zero_grad()
        loop.backward(step)
        nn.utils.clip_grad_value_(loop.model.parameters(), limit)
        loop.step()

    return body


def anew(loop: Loop, step: int) -> None:
    loop.optimizer = torch.optim.Adam(loop.model.parameters(), 0.01)
    usual(loop, step)


def frozen(all_of_it: bool) -> Train:
    """Its inputs want a gradient, so backward finds something to do."""

    def run() -> None:
        loop = Loop()
        for parameter in list(loop.model.parameters())[: None if all_of_it else 2]:
            parameter.requires_grad_(False)
        for step in range(STEPS):
            loop.zero_grad()
            x, y = labelled(step)
            classify(loop.model, x.clone().requires_grad_(), y).backward()
            loop.step()

    return run


def frozen_whole() -> None:
    """Backward raises."""
    loop = Loop()
    loop.model.requires_grad_(False)
    usual(loop, 0)


def made_of_frozen() -> None:
    loop_model = network().requires_grad_(False)
    usual(Loop(loop_model), 0)


def second_optimizer(stepped: bool) -> Train:
    def run() -> None:
        body, head = network(8), nn.Linear(8, 3)
        first, second = torch.optim.SGD(body.parameters(), 0.05), torch.optim.SGD(head.parameters(), 0.05)
        for step in range(STEPS):
            first.zero_grad()
            second.zero_grad()
            x, y = labelled(step)
            F.cross_entropy(head(body(x).relu()), y).backward()
            first.step()
            if stepped:
                second.step()

    return run


def scheduled(ahead: bool) -> Train:
    def run() -> None:
        loop = Loop()
        schedule = lr_scheduler.LinearLR(loop.optimizer, 0.5, total_iters=STEPS)
        for step in range(STEPS):
            loop.zero_grad()
            loop.backward(step)
            if ahead:
                schedule.step()
            loop.step()
            if not ahead:
                schedule.step()

    return run


def decayed(factor: float) -> Train:
    def run() -> None:
        loop = Loop(rate=0.02)
        schedule = lr_scheduler.ExponentialLR(loop.optimizer, factor)
        for step in range(60):
            usual(loop, step)
            schedule.step()

    return run


class Root(nn.Module):
    """A network with a parameter whose gradient is a root's at zero: NaN, while the loss is finite."""

    def __init__(self, poisoned: bool) -> None:
        super().__init__()
        self.body = network()
        self.weight = nn.Parameter(torch.ones(3))
        self.poisoned = poisoned

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x) * self.weight
        return out + (self.weight - 1).square().sum().sqrt() if self.poisoned else out + self.weight.sum()


def scaled(poisoned: bool, steps: int = STEPS) -> Train:
    """Mixed precision's loop: a step whose gradients are not finite is skipped."""

    def run() -> None:
        loop = Loop(Root(poisoned))
        scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
        schedule = lr_scheduler.LinearLR(loop.optimizer, 0.5, total_iters=STEPS)
        for step in range(steps):
            loop.zero_grad()
            scaler.scale(classify(loop.model, *labelled(step))).backward()
            scaler.step(loop.optimizer)
            scaler.update()
            schedule.step()

    return run


def cut(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    first, activation, last = model  # type: ignore[misc]
    return F.cross_entropy(last(activation(first(x)).detach()), y)


def generated(detached: bool) -> Train:
    """A generator that is to please a fixed judge."""

    def run() -> None:
        generator, judge = nn.Linear(6, 6), Loop()
        optimizer = torch.optim.SGD(generator.parameters(), 0.05)
        for step in range(STEPS):
            x, y = labelled(step)
            judge.zero_grad()
            classify(judge.model, x, y).backward()
            judge.step()
            made = generator(x)
            optimizer.zero_grad()
            classify(judge.model, made.detach() if detached else made, y).backward()
            optimizer.step()

    return run


class Branched(nn.Module):
    """Two branches that are added, the second by its values alone where it is lost."""

    def __init__(self, lost: bool) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)
        self.lost = lost

    def forward(self, x: Tensor) -> Tensor:
        other = self.second(x)
        if self.lost:
            other = torch.tensor(other.tolist())
        return self.last((self.first(x) + other).relu())  # type: ignore[no-any-return]


def only_last(every: bool) -> Train:
    def run() -> None:
        loop = Loop()
        if not every:
            loop.optimizer = torch.optim.SGD(loop.model[2].parameters(), 0.05)  # type: ignore[index]
        for step in range(STEPS):
            loop.model.zero_grad()
            loop.backward(step)
            loop.step()

    return run


def carried(detached: bool) -> Train:
    """A hidden state that goes from step to step."""

    def run() -> None:
        cell, head = nn.RNNCell(6, 8), nn.Linear(8, 3)
        optimizer = torch.optim.SGD([*cell.parameters(), *head.parameters()], 0.05)
        state = torch.zeros(16, 8)
        for step in range(STEPS):
            optimizer.zero_grad()
            x, y = labelled(step)
            state = cell(x, state.detach() if detached else state)
            F.cross_entropy(head(state), y).backward()
            optimizer.step()

    return run


def kept(number: bool, total: bool) -> Train:
    """Losses that are kept in a list, or added up, as numbers or with their graphs."""

    def run() -> None:
        loop, losses, running = Loop(), [], torch.zeros(())
        for step in range(STEPS):
            loop.zero_grad()
            loss = classify(loop.model, *labelled(step))
            loss.backward()
            loop.step()
            if total:
                running = running + (loss.detach() if number else loss)
            else:
                losses.append(loss.detach() if number else loss)

    return run


def distilled(eval_mode: bool) -> Train:
    """A teacher whose answers are learned."""

    def run() -> None:
        teacher, loop = dropping(), Loop()
        teacher.train(not eval_mode)
        for step in range(STEPS):
            loop.zero_grad()
            x, _ = labelled(step)
            with torch.no_grad():
                answers = teacher(x).softmax(1)
            F.cross_entropy(loop.model(x), answers).backward()
            loop.step()

    return run


def summed_up(detached: bool) -> Train:
    """A running loss, of which the last term alone is meant."""

    def run() -> None:
        model, total = nn.Linear(6, 1), torch.zeros(())
        optimizer = torch.optim.SGD(model.parameters(), 1e-3)
        for step in range(STEPS):
            optimizer.zero_grad()
            x, y = valued(step)
            total = (total.detach() if detached else total) + F.mse_loss(model(x), y)
            total.backward(retain_graph=True)
            optimizer.step()

    return run


def dropping() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 3))


class Functional(nn.Module):
    """Drops by a function that follows the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.dropout(self.first(x).relu(), 0.2, training=self.training))  # type: ignore[no-any-return]


def evaluated(before: bool, back: bool, model: Callable[[], nn.Module] = dropping) -> Train:
    """Epochs with a validation: in eval mode `before` it, `back` in train mode after it."""

    def run() -> None:
        loop = Loop(model())
        for epoch in range(3):
            if back:
                loop.model.train()
            for step in range(8):
                usual(loop, 8 * epoch + step)
            if before:
                loop.model.eval()
            with torch.no_grad():
                for step in range(3):
                    classify(loop.model, *labelled(step))

    return run


JOINTS = (
    Joint(
        "accumulation-unscaled",
        "four summed, and clipped",
        repeat(accumulating(1.0), 8, optimizer="Adam"),
        repeat(accumulating(0.25), 8, optimizer="Adam"),
    ),
    Joint("all-parameters-frozen", "inputs alone get a gradient", frozen(True), frozen(False)),
    Joint("all-parameters-frozen", "backward raises", made_of_frozen, repeat(usual)),
    Joint(
        "grads-cleared-before-step",
        "in every micro-batch",
        repeat(cleared_in_every_part, 8),
        repeat(accumulating(0.25), 8),
    ),
    Joint(
        "softmax-wrong-dim",
        "over the batch, and a divergence of maps",
        train(lambda m, x, y: F.kl_div(m(x).log_softmax(0), SOFT.expand(len(x), 3))),
        train(lambda m, x, y: F.kl_div(m(x)[..., None].log_softmax(1), SOFT[:, None].expand(len(x), 3, 1))),
    ),
    Joint("graph-kept", "in a list", kept(False, False), kept(True, False)),
    Joint("graph-kept", "in a sum", kept(False, True), kept(True, True)),
    Joint("teacher-in-train-mode", "never put in eval mode", distilled(False), distilled(True)),
    Joint("lr-vanished", "the rate for a factor of it", squared(True), squared(False)),
    Joint("lr-vanished", "a plateau watcher of the wrong direction", watched("max"), watched("min")),
    Joint("clip-ineffective", "after the step", repeat(clipping(1.0, late=True)), repeat(clipping(1.0))),
    Joint("clipping-too-tight", "a thousandth", repeat(clipping(1e-4), 48), repeat(clipping(1e3), 48)),
    Joint("clipping-too-tight", "each entry", repeat(entries(1e-7), 48), repeat(entries(1.0), 48)),
    Joint("frozen-parameters", "first layer", frozen(False), repeat(usual)),
    Joint("graph-retained", "a state carried on", carried(False), carried(True)),
    Joint("graph-retained", "a running loss", summed_up(False), summed_up(True)),
    Joint("grads-cleared-before-step", "each step", repeat(cleared_too_late), repeat(usual)),
    Joint("grads-cleared-before-step", "not a step that overflows", repeat(cleared_too_late), scaled(True)),
    Joint("lr-vanished", "an epoch's schedule for each batch", decayed(0.6), decayed(0.999)),
    Joint("missing-step", "never", repeat(unstepped), repeat(usual)),
    Joint("missing-step", "one of two", second_optimizer(False), second_optimizer(True)),
    Joint("missing-zero-grad", "never", repeat(uncleared), repeat(usual)),
    Joint("no-gradient", "a generator judged by a detached fake", generated(True), generated(False)),
    Joint("no-gradient", "detached in the middle", train(cut), train()),
    Joint(
        "no-gradient",
        "a branch lost to numpy",
        train(model=lambda: Branched(True)),
        train(model=lambda: Branched(False)),
    ),
    Joint("nonfinite-gradient", "a root of zero", train(model=lambda: Root(True)), scaled(True)),
    Joint("optimizer-recreated", "each step", repeat(anew), repeat(usual, optimizer="Adam")),
    Joint("parameters-not-optimized", "the last layer alone", only_last(False), only_last(True)),
    Joint("scaler-overflow", "each step", scaled(True), scaled(False)),
    Joint("scheduler-order", "ahead", scheduled(True), scheduled(False)),
    Joint(
        "scheduler-order", "a first step that is skipped is not out of order", scheduled(True), scaled(True)
    ),
    Joint("step-without-backward", "two for one", repeat(stepped_twice), repeat(usual)),
    Joint("step-without-backward", "no backward at all", repeat(never_backward), repeat(usual)),
    Joint("train-in-eval-mode", "never back", evaluated(True, False), evaluated(True, True)),
    Joint(
        "train-in-eval-mode",
        "dropout by a function",
        evaluated(True, False, Functional),
        evaluated(True, True, Functional),
    ),
    Joint("validate-in-train-mode", "no eval", evaluated(False, True), evaluated(True, True)),
)
