"""Language models: what their targets are, what their outputs see, what fills the ends of their sequences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rules.joint.build import Joint, Train

WORDS, LENGTH, SIZE = 12, 12, 8
TEXT = torch.randint(1, WORDS, (600,), generator=torch.Generator().manual_seed(1))


class Language(nn.Module):
    """An embedding, a recurrent layer, a score for each word."""

    def __init__(self, bidirectional: bool = False) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, 8)
        self.recurrent = nn.GRU(8, 8, batch_first=True, bidirectional=bidirectional)
        self.scores = nn.Linear(16 if bidirectional else 8, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.scores(self.recurrent(self.words(tokens))[0])  # type: ignore[no-any-return]


def rows(step: int, length: int = LENGTH + 2) -> Tensor:
    start = torch.arange(SIZE)[:, None] * 70 + step
    return TEXT[start + torch.arange(length)]


def padded(step: int) -> Tensor:
    """Sequences of three lengths, zeros behind them."""
    lengths = 4 + torch.arange(SIZE)[:, None] % 3 * 2
    return rows(step) * (torch.arange(LENGTH + 2) < lengths)


def modelled(shift: int = 1, bidirectional: bool = False, filled: bool = False, ignore: int = -100) -> Train:
    def run() -> None:
        model = Language(bidirectional)
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        for step in range(12):
            optimizer.zero_grad()
            tokens = padded(step) if filled else rows(step)
            targets = tokens[:, shift : shift + LENGTH]
            scores = model(tokens[:, :LENGTH])
            F.cross_entropy(scores.reshape(-1, WORDS), targets.reshape(-1), ignore_index=ignore).backward()
            optimizer.step()

    return run


JOINTS = (
    Joint("targets-misaligned", "the next token but one", modelled(2), modelled(1)),
    Joint("targets-misaligned", "a copy", modelled(0), modelled(1)),
    Joint("target-leak", "a layer that runs both ways", modelled(1, bidirectional=True), modelled(1)),
    Joint("padding-in-loss", "zeros at the ends", modelled(filled=True), modelled(filled=True, ignore=0)),
)
