"""Independent faults in one training: each is told in one round, with its fix, and none under another."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from rules.joint.build import observe
from surefoot.rules import diagnose

DEPTH, WIDTH = 9, 12


class Tower(nn.Module):
    """Nine sigmoid layers that vanish, and a head that nobody calls."""

    def __init__(self) -> None:
        super().__init__()
        layers = [layer for _ in range(DEPTH) for layer in (nn.Linear(WIDTH, WIDTH), nn.Sigmoid())]
        self.body, self.head, self.spare = (
            nn.Sequential(*layers),
            nn.Linear(WIDTH, 3),
            nn.Linear(WIDTH, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x)).softmax(1)


def _several() -> None:
    model = Tower()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    pixels, labels = 128 + 70 * torch.randn(320, WIDTH), torch.randint(0, 3, (320,))
    for step in range(60):
        at = torch.arange(step * 16, (step + 1) * 16) % 320
        F.cross_entropy(model(pixels[at]), labels[at]).backward()
        optimizer.step()


def test_each_fault_of_several_is_told_in_one_round(tmp_path: Path) -> None:
    roots = diagnose(observe(tmp_path, _several))
    told = {finding.code: finding for finding in roots}
    assert {
        "missing-zero-grad",
        "no-gradient",
        "softmax-before-cross-entropy",
        "unnormalized-inputs",
        "vanishing-gradient",
    } <= set(told), [f.code for f in roots]
    assert all(finding.fix for finding in roots)
    assert told["no-gradient"].severity == "information", "the spare head is told, and explains nothing"
