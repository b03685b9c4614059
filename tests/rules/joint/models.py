"""What the models and the numbers that enter them show."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rules.joint.build import INPUTS, Joint, Train, classify, labelled, network, train


def sigmoids() -> nn.Sequential:
    """Each layer passes on a quarter of the gradient at most."""
    layers = [layer for _ in range(10) for layer in (nn.Linear(6, 6), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(6, 3))


def linear_row() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 12), nn.Linear(12, 3))


def all_equal() -> nn.Sequential:
    made = network()
    for parameter in made.parameters():
        nn.init.constant_(parameter, 0.1)
    return made


def normalised() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))


class Sequences(nn.Module):
    """Five times six features; `mixing` exchanges the dimensions by a view."""

    def __init__(self, mixing: bool) -> None:
        super().__init__()
        self.first, self.last, self.mixing = nn.Linear(6, 12), nn.Linear(12, 3), mixing

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        times = h.contiguous().view(5, -1, 12) if self.mixing else h.transpose(0, 1)
        return self.last(times.relu().transpose(0, 1).mean(1))


class Recurrent(nn.Module):
    """A recurrent layer that reads sequences as they are, and what it says at their end."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.recurrent, self.last = nn.GRU(6, 12, batch_first=batch_first), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.recurrent(x)[0][:, -1])  # type: ignore[no-any-return]


def sequences(step: int) -> tuple[Tensor, Tensor]:
    x, y = labelled(step, 8)
    return x[:, None, :] * torch.linspace(0.5, 1.5, 5)[:, None], y


def pairs(step: int) -> tuple[Tensor, Tensor]:
    return labelled(step, 2)


def large(step: int) -> tuple[Tensor, Tensor]:
    x, y = labelled(step)
    return x * 300 + 500, y


def holed(step: int) -> tuple[Tensor, Tensor]:
    x, y = labelled(step)
    x = x.clone()
    x[3, 2] = float("nan")
    return x, y


def apart(step: int) -> tuple[Tensor, Tensor]:
    """Each pair tells of one feature and, by a hair, of the others: gradients have hardly anything in common."""
    x = torch.full((2, 6), 0.005)
    x[:, step % 6] = 1.0
    return x, torch.zeros(2, dtype=torch.long)


def by_hand(spread: float) -> Train:
    """A likelihood of softmax and logarithm, of scores so far apart that probabilities reach zero."""

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return -(model(x) * spread).softmax(1)[torch.arange(len(y)), y].log().mean()

    return train(loss, steps=24, rate=0.01)


def validated(stretch: float) -> Train:
    def run() -> None:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for epoch in range(3):
            model.train()
            for step in range(8):
                optimizer.zero_grad()
                classify(model, *labelled(8 * epoch + step)).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                F.cross_entropy(model(INPUTS[:64] * stretch), labelled(0, 64)[1])

    return run


JOINTS = (
    Joint(
        "batch-mixing",
        "a view that exchanges dimensions",
        train(model=lambda: Sequences(True), batch=sequences),
        train(model=lambda: Sequences(False), batch=sequences),
    ),
    Joint(
        "batch-mixing",
        "a recurrent layer that reads the data along the batch",
        train(model=lambda: Recurrent(False), batch=sequences),
        train(model=lambda: Recurrent(True), batch=sequences),
    ),
    Joint(
        "batch-mixing",
        "norms over the batch",
        train(lambda m, x, y: F.cross_entropy(F.normalize(m(x), dim=0), y)),
        train(lambda m, x, y: F.cross_entropy(F.normalize(m(x), dim=1), y)),
    ),
    Joint("vanishing-gradient", "ten sigmoids", train(model=sigmoids, steps=60), train(steps=60)),
    Joint("missing-nonlinearity", "two in a row", train(model=linear_row), train()),
    Joint(
        "noisy-gradient",
        "each batch of something else",
        train(model=lambda: nn.Linear(6, 2, bias=False), batch=apart, steps=60, rate=1e-3),
        train(model=lambda: nn.Linear(6, 3, bias=False), steps=60),
    ),
    Joint("nonfinite-input", "a hole", train(batch=holed), train()),
    Joint("nonfinite-loss", "a logarithm of zero", by_hand(2000.0), by_hand(1.0)),
    Joint("preprocessing-mismatch", "ten times as large", validated(10.0), validated(1.0)),
    Joint("symmetric-initialization", "all weights equal", train(model=all_equal), train()),
    Joint(
        "tiny-batch-norm",
        "pairs",
        train(model=normalised, batch=pairs),
        train(model=normalised),
    ),
    Joint("unnormalized-inputs", "hundreds", train(batch=large, steps=40), train(steps=40)),
)
