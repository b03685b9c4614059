"""Accelerate, the real library."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot.clipping import AutoClip, attached

accelerate = pytest.importorskip("accelerate")
from surefoot.integrations.accelerate import clip_gradients  # noqa: E402


def make(gradient_accumulation_steps=1):
    torch.manual_seed(0)
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=gradient_accumulation_steps)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, fused=True)
    return accelerator, *accelerator.prepare(model, optimizer)


def batches(count):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(8, 3, generator=generator) for _ in range(count)]


def train(accelerator, model, optimizer, data):
    for batch in data:
        with accelerator.accumulate(model):
            accelerator.backward(model(batch).pow(2).mean())
            optimizer.step()
            optimizer.zero_grad()


def test_clips_as_in_plain_pytorch():
    accelerator, model, optimizer = make()
    clipper = clip_gradients(accelerator, optimizer, AutoClip())
    assert attached(optimizer.optimizer) is clipper
    assert "grad_scale" in clipper.describe()
    train(accelerator, model, optimizer, batches(6))

    torch.manual_seed(0)
    plain = nn.Linear(3, 1)
    other = torch.optim.AdamW(plain.parameters(), lr=0.05, fused=True)
    AutoClip().attach(other)
    for batch in batches(6):
        plain(batch).pow(2).mean().backward()
        other.step()
        other.zero_grad()
    assert torch.equal(model.weight, plain.weight)


def test_accumulation_counts_real_steps():
    accelerator, model, optimizer = make(gradient_accumulation_steps=3)
    clipper = clip_gradients(accelerator, optimizer, AutoClip())
    train(accelerator, model, optimizer, batches(9))
    assert len(clipper.state_dict()["histories"]["all gradients"]) == 3


def test_save_state_keeps_what_was_learned(tmp_path):
    accelerator, model, optimizer = make()
    clipper = clip_gradients(accelerator, optimizer, AutoClip(), model)
    train(accelerator, model, optimizer, batches(5))
    accelerator.save_state(str(tmp_path / "state"))
    train(accelerator, model, optimizer, batches(5))
    want = model.weight.clone()
    accelerator.load_state(str(tmp_path / "state"))
    assert len(clipper.state_dict()["histories"]["all gradients"]) == 5
    train(accelerator, model, optimizer, batches(5))
    assert torch.equal(model.weight, want)
