from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot.autograd import memory
from surefoot.errors import SettingError

torch.set_num_threads(1)


def network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Linear(10, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 20), nn.Tanh()
    )
    return nn.Sequential(body, nn.Linear(20, 2))


def test_bytes_are_those_of_the_activations():
    model, x = network(), torch.randn(100, 10)
    rows = {r.module: r for r in memory(lambda: model(x).sum(), model, checkpointing=False)}
    float32 = 4 * 100
    # A linear layer keeps its input, tanh its result: each tensor is counted once, where it is kept first.
    assert rows["0.0"].kept == 10 * float32
    assert rows["0.1"].kept == 50 * float32
    assert "0.2" not in rows  # its input is the tanh's result
    assert rows["0.3"].kept == 50 * float32
    assert rows["0.5"].kept == 20 * float32
    assert rows["0"].whole == (10 + 50 + 50 + 20) * float32
    assert rows[""].whole == rows["0"].whole
    assert all(r.saved is None and r.slower is None for r in rows.values())


def test_checkpointing_saves_what_the_module_keeps_but_its_input_and_output():
    model, x = network(), torch.randn(100, 10)
    rows = {r.module: r for r in memory(lambda: model(x).sum(), model)}
    body = rows["0"]
    # Left: the body's input, and its result, which the last layer keeps.
    assert body.saved == (50 + 50) * 4 * 100
    assert body.slower > 0
    assert rows[""].saved is None
    assert "1" not in rows  # keeps nothing of its own


def test_nothing_changes():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    x = torch.randn(16, 4)
    before = {n: t.clone() for n, t in model.state_dict().items()}
    state = torch.get_rng_state()
    rows = memory(lambda: model(x).mean(), model, checkpointing=["1", "3"], repeats=1)
    assert {r.module for r in rows if r.saved is not None} <= {"1", "3"}
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in model.parameters())
    for module in model.modules():
        assert "forward" not in vars(module)
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_a_failing_forward_leaves_nothing_behind():
    model = network()

    def compute():
        model(torch.randn(3, 10))
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        memory(compute, model)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_bad_input_gets_one_sentence():
    model = network()
    with pytest.raises(SettingError, match="no module 'missing'"):
        memory(lambda: model(torch.ones(1, 10)).sum(), model, checkpointing=["missing"])
    with pytest.raises(SettingError, match="no autograd graph"):
        memory(lambda: model(torch.ones(1, 10)).sum().detach(), model)
