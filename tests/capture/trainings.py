"""Small seeded trainings of every kind that has to work; run as a program, it prints a digest of each.

A training yields its losses and returns its final tensors. The digest is of the bits of both and of the states of
the three random-number generators afterwards.
"""

from __future__ import annotations

import hashlib
import random
import sys
import warnings
from collections.abc import Callable, Generator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Training = Callable[[], Generator[Tensor, None, list[Tensor]]]
STEPS = 8
TRAININGS: dict[str, Training] = {}


def training(function: Training) -> Training:
    TRAININGS[function.__name__] = function
    return function


def digest(name: str) -> str:
    """Run a training from fixed seeds; hash losses, results and generator states."""
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    steps = TRAININGS[name]()
    total = hashlib.sha256()
    try:
        while True:
            total.update(bits(next(steps)))
            random.random()
            np.random.rand()
    except StopIteration as end:
        for tensor in end.value:
            total.update(bits(tensor))
    total.update(bits(torch.get_rng_state()))
    total.update(repr(np.random.get_state()).encode())
    total.update(repr(random.getstate()).encode())
    return total.hexdigest()


def bits(tensor: Tensor) -> bytes:
    dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    return dense.contiguous().numpy().tobytes()


def data(features: int = 8, classes: int = 3, size: int = 32) -> tuple[Tensor, Tensor]:
    return torch.randn(size, features), torch.randint(0, classes, (size,))


def mlp(features: int = 8, classes: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, classes))


def state(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


def optimize(
    model: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor
):
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), targets)
        loss.backward()
        optimizer.step()
        yield loss
    return [p for group in optimizer.param_groups for p in group["params"]]


@training
def dropout():
    model = mlp()
    yield from optimize(model, torch.optim.Adam(model.parameters(), 1e-2), *data())
    with torch.no_grad():
        model.eval()
        yield F.cross_entropy(model(torch.ones(4, 8)), torch.zeros(4, dtype=torch.long))
    model.train()
    return (yield from optimize(model, torch.optim.AdamW(model.parameters(), 1e-2), *data()))


@training
def convnet():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    images, labels = torch.randn(16, 1, 8, 8), torch.randint(0, 3, (16,))
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=False)
        loss = nn.CrossEntropyLoss(label_smoothing=0.1)(model(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        yield loss
    return state(model)


@training
def lstm():
    embedding, recurrent, head = (
        nn.Embedding(11, 6),
        nn.LSTM(6, 8, 2, batch_first=True, dropout=0.1),
        nn.Linear(8, 11),
    )
    modules = nn.ModuleList([embedding, recurrent, head])
    tokens = torch.randint(0, 11, (4, 9))
    optimizer = torch.optim.RMSprop(modules.parameters(), 1e-2)
    for _ in range(STEPS):
        optimizer.zero_grad()
        hidden, _ = recurrent(embedding(tokens[:, :-1]))
        loss = F.cross_entropy(head(hidden).transpose(1, 2), tokens[:, 1:])
        loss.backward()
        optimizer.step()
        yield loss
    return state(modules)


@training
def gan():
    generator, critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), mlp(2, 1)
    g_optimizer = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.5, 0.9))
    d_optimizer = torch.optim.Adam(critic.parameters(), 1e-3)
    ones, zeros = torch.ones(16, 1), torch.zeros(16, 1)
    for _ in range(STEPS):
        d_optimizer.zero_grad()
        fake = generator(torch.randn(16, 4))
        d_loss = F.binary_cross_entropy_with_logits(critic(torch.randn(16, 2)), ones)
        d_loss = d_loss + F.binary_cross_entropy_with_logits(critic(fake.detach()), zeros)
        d_loss.backward()
        d_optimizer.step()
        g_optimizer.zero_grad()
        g_loss = F.binary_cross_entropy_with_logits(critic(fake), ones)
        g_loss.backward()
        g_optimizer.step()
        yield d_loss
        yield g_loss
    return [*state(generator), *state(critic)]


@training
def lbfgs():
    model = nn.Linear(8, 1)
    inputs, targets = torch.randn(20, 8), torch.randn(20, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.mse_loss(model(inputs), targets)
        loss.backward()
        return loss

    for _ in range(3):
        yield optimizer.step(closure)
    return state(model)


@training
def accumulation():
    model = mlp()
    optimizer = torch.optim.NAdam(model.parameters(), 1e-2)
    for _ in range(STEPS):
        for _ in range(4):
            inputs, targets = data()
            loss = F.cross_entropy(model(inputs), targets) / 4
            loss.backward()
            yield loss
        optimizer.step()
        optimizer.zero_grad()
    return state(model)


@training
def by_hand_in_place():
    weight, bias = torch.randn(8, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    inputs, targets = torch.randn(20, 8), torch.randn(20, 1)
    for _ in range(STEPS):
        loss = ((inputs @ weight + bias - targets) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            weight -= 0.1 * weight.grad
            bias -= 0.1 * bias.grad
            weight.grad.zero_()
            bias.grad.zero_()
        yield loss
    return [weight, bias]


@training
def by_hand_through_data():
    model = nn.Linear(8, 1)
    inputs, targets = torch.randn(20, 8), torch.randn(20, 1)
    for _ in range(STEPS):
        model.zero_grad()
        loss = nn.MSELoss()(model(inputs), targets)
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= 0.1 * parameter.grad.data
        yield loss
    return state(model)


@training
def by_hand_new_leaves():
    weight = torch.randn(8, 1, requires_grad=True)
    inputs, targets = torch.randn(20, 8), torch.randn(20, 1)
    for _ in range(STEPS):
        loss = ((inputs @ weight - targets) ** 2).mean()
        loss.backward()
        weight = (weight - 0.1 * weight.grad).detach().requires_grad_()
        yield loss
    return [weight]


@training
def mixed_precision():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
    inputs, targets = data()
    for step in range(STEPS):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(inputs), targets)
        if step == 3:
            loss = loss * torch.inf  # an overflow: the scaler skips this step
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        scaler.step(optimizer)
        scaler.update()
        yield loss.detach().float()
    return [*state(model), torch.tensor(scaler.get_scale())]


@training
def sparse_embedding():
    embedding, head = nn.Embedding(50, 4, sparse=True), nn.Linear(4, 3)
    sparse, dense = (
        torch.optim.SparseAdam(embedding.parameters(), 1e-2),
        torch.optim.Adam(head.parameters(), 1e-2),
    )
    words, labels = torch.randint(0, 50, (16, 5)), torch.randint(0, 3, (16,))
    for _ in range(STEPS):
        sparse.zero_grad()
        dense.zero_grad()
        loss = F.cross_entropy(head(embedding(words).mean(1)), labels)
        loss.backward()
        sparse.step()
        dense.step()
        yield loss
    return [*state(embedding), *state(head)]


def _checkpointed(use_reentrant: bool):
    first, second = mlp(8, 8), mlp(8, 3)
    both = nn.ModuleList([first, second])
    inputs, targets = data()
    optimizer = torch.optim.Adam(both.parameters(), 1e-2)
    for _ in range(STEPS):
        optimizer.zero_grad()
        start = inputs.clone().requires_grad_()
        hidden = checkpoint(first, start, use_reentrant=use_reentrant)
        loss = F.cross_entropy(checkpoint(second, hidden, use_reentrant=use_reentrant), targets)
        loss.backward()
        optimizer.step()
        yield loss
    return state(both)


@training
def checkpointed():
    return (yield from _checkpointed(False))


@training
def checkpointed_reentrant():
    return (yield from _checkpointed(True))


@training
def compiled():
    results = []
    for backend in ("eager", "aot_eager"):
        model = torch.compile(mlp(), backend=backend)
        yield from optimize(model, torch.optim.AdamW(model.parameters(), 1e-2), *data())
        results += state(model)
    torch._dynamo.reset()
    return results


@training
def parameters_added_later():
    first, second = nn.Linear(8, 8), nn.Linear(8, 3)
    optimizer = torch.optim.SGD(first.parameters(), 0.1)
    inputs, targets = data()
    for step in range(STEPS):
        if step == 3:
            optimizer.add_param_group({"params": second.parameters(), "lr": 0.01})
        optimizer.zero_grad()
        loss = F.cross_entropy(second(torch.tanh(first(inputs))), targets)
        loss.backward()
        optimizer.step()
        yield loss
    return [*state(first), *state(second)]


@training
def frozen_part_and_teacher():
    backbone, head, teacher = mlp(8, 8), nn.Linear(8, 3), nn.Linear(8, 3)
    backbone.requires_grad_(False).eval()
    inputs, _ = data()
    optimizer = torch.optim.Adagrad([*backbone.parameters(), *head.parameters()], 0.1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        with torch.no_grad():
            wanted = teacher(inputs).softmax(1)
        loss = F.kl_div(head(backbone(inputs)).log_softmax(1), wanted, reduction="batchmean")
        loss.backward()
        optimizer.step()
        yield loss
    return [*state(backbone), *state(head)]


@training
def functional():
    model = nn.Linear(8, 3)
    parameters = dict(model.named_parameters())
    inputs, targets = data()

    def loss_of(values, x, y):
        return F.cross_entropy(torch.func.functional_call(model, values, (x,)), y)

    per_example = torch.func.vmap(
        torch.func.grad(lambda v, x, y: loss_of(v, x[None], y[None])), in_dims=(None, 0, 0)
    )
    for _ in range(STEPS):
        gradients, loss = torch.func.grad_and_value(loss_of)(parameters, inputs, targets)
        each = per_example(parameters, inputs, targets)
        parameters = {
            name: value - 0.1 * gradients[name] - 0.01 * each[name].mean(0)
            for name, value in parameters.items()
        }
        yield loss
    return list(parameters.values())


class TwoLosses(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        scores = self.layer(inputs)
        return F.cross_entropy(scores, targets) + F.mse_loss(scores, torch.zeros_like(scores))


@training
def torchscript():
    inputs, targets = data()
    results = []
    for make in (torch.jit.script, lambda model: torch.jit.trace(model, (inputs, targets))):
        model = make(TwoLosses())
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = model(inputs, targets)
            loss.backward()
            optimizer.step()
            yield loss
        results += state(model)
    return results


class Doubled(torch.autograd.Function):
    """Draws a number in its backward: running that once more than the script does would show."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient * (1 + torch.rand(()))


@training
def own_backward():
    model = nn.Linear(8, 3)
    return (
        yield from optimize(
            lambda x: Doubled.apply(model(x)), torch.optim.SGD(model.parameters(), 0.1), *data()
        )
    )


@training
def own_hooks():
    """A hook that draws a number, too."""
    model = nn.Linear(8, 3)

    def forward(inputs: Tensor) -> Tensor:
        hidden = model(inputs)
        hidden.register_hook(lambda gradient: gradient * (1 + torch.rand(())))
        return torch.tanh(hidden)

    return (yield from optimize(forward, torch.optim.SGD(model.parameters(), 0.1), *data()))


@training
def penalties():
    """A gradient penalty: backward through a gradient, and a second backward over one graph."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Softplus(), nn.Linear(8, 1))
    inputs = torch.randn(16, 8)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(STEPS):
        optimizer.zero_grad()
        points = inputs.clone().requires_grad_()
        output = model(points).sum()
        (slope,) = torch.autograd.grad(output, points, create_graph=True)
        penalty = ((slope.norm(dim=1) - 1) ** 2).mean()
        torch.autograd.backward([output, penalty], retain_graph=True)
        penalty.backward()
        optimizer.step()
        yield penalty
    return state(model)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for name in sys.argv[1:] or TRAININGS:
        print(name, digest(name), flush=True)
