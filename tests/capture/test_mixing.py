"""Whether one example changes another's output: every way that mixes by mistake, and those that mean it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.capture.probes.batch_mixing import exchanged
from surefoot.facts import BatchMixing, Defect
from surefoot.records import Finding
from surefoot.rules import get_rule

EXAMPLES, TIMES, FEATURES, CLASSES = 8, 5, 6, 3


class Network(nn.Module):
    """A layer, what is tested, the mean over time, a layer."""

    def __init__(self, middle: Callable[[Network, Tensor], Tensor], first: bool = True) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, 16) if first else nn.Identity()
        width = 16 if first else FEATURES
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.attention_over_examples = nn.MultiheadAttention(width, 2)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.recurrent_over_examples = nn.GRU(width, width)
        self.score = nn.Linear(width, 1)
        self.norm = nn.BatchNorm1d(TIMES)
        self.last = nn.Linear(width, CLASSES)
        self.middle = middle

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self, self.first(x)).mean(1))


def view(net: Network, h: Tensor) -> Tensor:
    return h.contiguous().view(TIMES, EXAMPLES, -1).relu().transpose(0, 1)


def attend(net: Network, h: Tensor) -> Tensor:
    return h + net.attention(h, h, h)[0]


def attend_over_examples(net: Network, h: Tensor) -> Tensor:
    return h + net.attention_over_examples(h, h, h)[0]


def weights_over_examples(net: Network, h: Tensor) -> Tensor:
    return torch.softmax(net.score(h), dim=0) * h


def weights_over_time(net: Network, h: Tensor) -> Tensor:
    return torch.softmax(net.score(h), dim=1) * h


def neighbours(net: Network, h: Tensor) -> Tensor:
    matrix = torch.eye(EXAMPLES) + 0.5
    return h + torch.einsum("nm,mtf->ntf", matrix, h)


MISTAKES: list[Callable[[Network, Tensor], Tensor]] = [
    view,
    attend_over_examples,
    weights_over_examples,
    lambda net, h: net.recurrent_over_examples(h)[0],
]
MEANT: list[Callable[[Network, Tensor], Tensor]] = [
    lambda net, h: h.transpose(0, 1).contiguous().relu().transpose(0, 1),
    attend,
    weights_over_time,
    neighbours,
    lambda net, h: net.recurrent(h)[0],
    lambda net, h: h - h.mean(0),
    lambda net, h: net.norm(h),
    lambda net, h: h.reshape(EXAMPLES * TIMES, -1).relu().view(EXAMPLES, TIMES, -1),
]


def mixed(model: nn.Module, folder: Path) -> bool:
    return bool(findings(model, folder))


def findings(
    model: nn.Module, folder: Path, shape: tuple[int, ...] = (EXAMPLES, TIMES, FEATURES)
) -> list[Finding]:
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with sf.watch(runs=folder) as run:
        for _ in range(4):
            optimizer.zero_grad()
            F.cross_entropy(model(torch.randn(shape)), torch.randint(0, CLASSES, shape[:1])).backward()
            optimizer.step()
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    fact = history.fact(BatchMixing)
    found = list(get_rule("batch-mixing").findings(history))
    assert bool(found) == (fact is not None and fact.mixed)
    assert fact is None or fact.subject == type(model).__name__
    return found


@pytest.mark.parametrize("middle", MISTAKES)
def test_mixed_by_mistake(middle: Callable[[Network, Tensor], Tensor], tmp_path: Path) -> None:
    assert mixed(Network(middle), tmp_path)


@pytest.mark.parametrize("middle", MEANT)
def test_apart_or_mixed_on_purpose(middle: Callable[[Network, Tensor], Tensor], tmp_path: Path) -> None:
    assert not mixed(Network(middle), tmp_path)


def test_the_input_itself(tmp_path: Path) -> None:
    class Viewed(nn.Module):
        def __init__(self, right: bool) -> None:
            super().__init__()
            self.right = right
            self.recurrent = nn.GRU(FEATURES, 8)
            self.last = nn.Linear(8, CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            x = x.permute(1, 0, 2) if self.right else x.view(TIMES, len(x), FEATURES)
            return self.last(self.recurrent(x)[0][-1])

    assert mixed(Viewed(right=False), tmp_path / "view")
    assert not mixed(Viewed(right=True), tmp_path / "permute")


def test_what_is_said_was_measured(tmp_path: Path) -> None:
    """The numbers are gradients of the last example's output, here known: one of eight equal weights each."""

    class Averaged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.score = nn.Linear(FEATURES, 1)
            self.last = nn.Linear(FEATURES, CLASSES)
            nn.init.zeros_(self.score.weight)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.stack([x, x], 0).transpose(0, 1)  # examples, two equal steps, times, features
            return self.last(torch.softmax(self.score(h), dim=0).mul(h).mean((1, 2)))

    finding = findings(Averaged().eval(), tmp_path)[0]
    assert finding.title.startswith("Averaged mixes the examples of a batch by SoftmaxBackward0")
    assert "%" not in finding.title
    others, own = finding.evidence["gradient at the other examples"], finding.evidence["gradient at its own"]
    assert (
        own > others > 0
    )  # the softmax of equal scores has the slopes 7/64 for its own and -1/64 for others
    assert own == pytest.approx(7 * others, rel=1e-4)


def test_exchanged_dimensions() -> None:
    x = torch.randn(4, 3, 2)
    assert exchanged(x, x.view(3, 4, 2))
    assert exchanged(x, x.view(2, 3, 4))
    assert not exchanged(x, x.view(4, 2, 3))  # within an example
    assert not exchanged(x, x.permute(1, 0, 2))
    assert not exchanged(x, x.permute(1, 0, 2).contiguous())
    assert not exchanged(x, x.clone().view(3, 4, 2))
    assert not exchanged(torch.randn(4, 1), torch.randn(1, 4))
