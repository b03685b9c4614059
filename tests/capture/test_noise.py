"""The gradient noise scale against the exact one of a linear regression."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import surefoot as sf
from surefoot.capture.probes import gradient_noise
from surefoot.facts import Defect, Noise

EXAMPLES, FEATURES, BATCH, STEPS = 4000, 8, 8, 200


def trained(folder: Path, *, micro_batches: int = 1, lines: int = 1) -> tuple[Noise, float]:
    """The fact, and tr(S) / |G|^2 by its definition; the rate is so small that parameters stay where they are."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(EXAMPLES, FEATURES, generator=generator)
    targets = inputs.sum(1, keepdim=True) * 0.4 + torch.randn(EXAMPLES, 1, generator=generator)
    model = nn.Linear(FEATURES, 1, bias=False)
    nn.init.zeros_(model.weight)
    gradients = -2 * targets * inputs
    mean = gradients.mean(0)
    exact = float((gradients - mean).square().sum(1).mean() / mean.square().sum())
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    with sf.watch(runs=folder, every=2) as run:
        for _ in range(STEPS):
            optimizer.zero_grad()
            for _ in range(micro_batches):
                chosen = torch.randint(0, EXAMPLES, (BATCH,), generator=generator)
                loss = F.mse_loss(model(inputs[chosen]), targets[chosen])
                (loss / (micro_batches * lines)).backward(retain_graph=lines > 1)
                if lines > 1:
                    (loss / (micro_batches * lines)).backward()
            optimizer.step()
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    fact = history.fact(Noise)
    assert fact is not None
    return fact, exact


@pytest.mark.parametrize(("micro_batches", "lines"), [(1, 1), (4, 1), (1, 2), (3, 2)])
def test_the_scale_is_in_examples_of_a_step(micro_batches: int, lines: int, tmp_path: Path) -> None:
    fact, exact = trained(tmp_path, micro_batches=micro_batches, lines=lines)
    assert (fact.examples, fact.batch_size) == (BATCH * micro_batches, BATCH)
    assert fact.scale == pytest.approx(exact, rel=0.3)  # some 100 pairs; a wrong count is off by 2 and more


def test_processes_average_their_gradients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradient_noise, "processes", lambda: 2)
    fact, exact = trained(tmp_path)
    assert fact.examples == 2 * BATCH
    assert fact.scale == pytest.approx(2 * exact, rel=0.3)  # as one process it is what one batch gives
