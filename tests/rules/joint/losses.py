"""What enters a loss and what it is made of: the rules that read LossCall and ManualLoss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from rules.joint.build import (
    INPUTS,
    LABELS,
    Joint,
    Train,
    classify,
    labelled,
    network,
    regress,
    train,
    valued,
)


def one() -> nn.Sequential:
    return network(1)


def linear() -> nn.Linear:
    return nn.Linear(6, 1)


def loud() -> nn.Sequential:
    """A fresh network whose scores are fifty times as large as usual."""
    made = network()
    with torch.no_grad():
        made[2].weight.mul_(50)
    return made


def unbounded(step: int) -> tuple[Tensor, Tensor]:
    x, _ = labelled(step)
    return x, x[:, 0].abs() * 3


def epochs(shuffle: bool) -> Train:
    order = torch.argsort(LABELS)
    data = TensorDataset(INPUTS[order], LABELS[order])

    def run() -> None:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(2):
            for x, y in DataLoader(data, 16, shuffle=shuffle):
                optimizer.zero_grad()
                classify(model, x, y).backward()
                optimizer.step()

    return run


def of(loss: object, batch: object = labelled, model: object = network, **more: object) -> Train:
    return train(loss, model, batch, **more)  # type: ignore[arg-type]


JOINTS = (
    Joint(
        "broadcast-loss",
        "by a loss function",
        of(lambda m, x, y: F.mse_loss(m(x), y[:, 0]), valued, one),
        of(regress, valued, one),
    ),
    Joint(
        "broadcast-loss",
        "by hand",
        of(lambda m, x, y: ((m(x) - y[:, 0]) ** 2).mean(), valued, one),
        of(lambda m, x, y: ((m(x) - y) ** 2).mean(), valued, one),
    ),
    Joint(
        "constant-output",
        "inputs lost",
        of(lambda m, x, y: F.cross_entropy(m(x * 0), y), steps=48),
        of(classify, steps=48),
    ),
    Joint(
        "constant-targets",
        "one class",
        of(lambda m, x, y: F.cross_entropy(m(x), y * 0)),
        of(classify),
    ),
    Joint(
        "constant-targets",
        "one value",
        of(lambda m, x, y: F.mse_loss(m(x), y * 0 + 3), valued, one),
        of(regress, valued, one),
    ),
    Joint("initial-loss-too-high", "loud start", of(classify, model=loud), of(classify)),
    Joint(
        "loss-sign-flipped",
        "minus",
        of(lambda m, x, y: -F.cross_entropy(m(x), y)),
        of(classify),
    ),
    Joint(
        "loss-sign-flipped",
        "a likelihood minimised",
        of(lambda m, x, y: -(m(x) ** 2).mean(), lambda step: valued(0), linear, steps=80, rate=0.02),
        of(lambda m, x, y: ((m(x) - y) ** 2).mean(), valued, one, steps=80, rate=0.01),
    ),
    Joint(
        "loss-sum-reduction",
        "by a loss function",
        of(lambda m, x, y: F.cross_entropy(m(x), y, reduction="sum")),
        of(classify),
    ),
    Joint(
        "loss-sum-reduction",
        "by hand, and it suffers",
        of(lambda m, x, y: ((m(x) - y) ** 2).sum(), valued, one, rate=1.0),
        of(lambda m, x, y: ((m(x) - y) ** 2).mean(), valued, one),
    ),
    Joint(
        "nll-without-log-softmax",
        "raw scores",
        of(lambda m, x, y: F.nll_loss(m(x), y)),
        of(lambda m, x, y: F.nll_loss(m(x).log_softmax(1), y)),
    ),
    Joint(
        "output-activation",
        "relu in front of values of both signs",
        of(lambda m, x, y: F.mse_loss(m(x).relu(), y), valued, one),
        of(regress, valued, one),
    ),
    Joint(
        "sigmoid-before-logits-loss",
        "sigmoid twice",
        of(lambda m, x, y: F.binary_cross_entropy_with_logits(m(x).sigmoid(), (y > 0).float()), valued, one),
        of(lambda m, x, y: F.binary_cross_entropy_with_logits(m(x), (y > 0).float()), valued, one),
    ),
    Joint(
        "single-logit-softmax",
        "one output",
        of(lambda m, x, y: F.mse_loss(m(x).softmax(1), y), valued, one),
        of(regress, valued, one),
    ),
    Joint(
        "softmax-before-cross-entropy",
        "softmax twice",
        of(lambda m, x, y: F.cross_entropy(m(x).softmax(1), y)),
        of(classify),
    ),
    Joint(
        "softmax-wrong-dim",
        "over the batch",
        of(lambda m, x, y: F.nll_loss(m(x).softmax(0).log(), y)),
        of(lambda m, x, y: F.nll_loss(m(x).softmax(1).log(), y)),
    ),
    Joint(
        "target-out-of-range",
        "labels beyond one",
        of(lambda m, x, y: F.binary_cross_entropy_with_logits(m(x)[:, 0], y), unbounded),
        of(lambda m, x, y: F.binary_cross_entropy_with_logits(m(x)[:, 0], y.clamp(0, 1)), unbounded),
    ),
    Joint(
        "target-out-of-range",
        "zeros where a sign is wanted",
        of(lambda m, x, y: F.soft_margin_loss(m(x), (y > 0).float()), valued, one),
        of(lambda m, x, y: F.soft_margin_loss(m(x), (y > 0).float() * 2 - 1), valued, one),
    ),
    Joint(
        "target-out-of-range",
        "the third argument of a ranking",
        of(lambda m, x, y: F.margin_ranking_loss(m(x), y, (y > 0).float()), valued, one),
        of(lambda m, x, y: F.margin_ranking_loss(m(x), -y, (y > 0).float() * 2 - 1), valued, one),
    ),
    Joint(
        "target-out-of-range",
        "several ones a row",
        of(lambda m, x, y: F.cross_entropy(m(x), (x[:, :3] > 0).float())),
        of(lambda m, x, y: F.cross_entropy(m(x), F.one_hot(y, 3) * 0.7 + 0.1)),
    ),
    Joint(
        "kl-without-log",
        "softmax for log_softmax",
        of(lambda m, x, y: F.kl_div(m(x).softmax(1), F.one_hot(y, 3) * 0.7 + 0.1, reduction="batchmean")),
        of(lambda m, x, y: F.kl_div(m(x).log_softmax(1), F.one_hot(y, 3) * 0.7 + 0.1, reduction="batchmean")),
    ),
    Joint(
        "unscaled-targets",
        "in thousands",
        of(lambda m, x, y: F.mse_loss(m(x), 1000 * y), valued, one, steps=40),
        of(regress, valued, one, steps=40),
    ),
    Joint(
        "unscaled-targets",
        "in thousands, by hand",
        of(lambda m, x, y: ((1000 * y - m(x)) ** 2).sum(1).mean(), valued, one, steps=40),
        of(lambda m, x, y: ((y - m(x)) ** 2).sum(1).mean(), valued, one, steps=40),
    ),
    Joint("unshuffled-data", "sorted by class", epochs(shuffle=False), epochs(shuffle=True)),
)
