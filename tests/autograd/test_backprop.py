from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from surefoot.autograd import backprop
from surefoot.errors import SettingError

torch.set_num_threads(1)


def named(record, name):
    return [o for o in record.operations if o.name == name]


def small() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2)
    )
    return model, torch.randn(5, 3), torch.randn(5, 2)


def test_the_scalar_example():
    x = torch.tensor(2.0, requires_grad=True)
    record = backprop(x**3 + 5 * x, names={"x": x})
    assert record.loss == 18
    assert record.scalar
    assert [(leaf.name, leaf.value) for leaf in record.leaves] == [("x", 17.0)]
    (power,), (product,) = named(record, "Pow"), named(record, "Mul")
    assert (power.value_in, power.edges[0].value, power.edges[0].leaf) == (1.0, 12.0, "x")
    assert (product.value_in, product.edges[0].value) == (1.0, 5.0)
    assert record.operations[0].name == "Add"
    assert {e.to for e in record.operations[0].edges} == {power.index, product.index}


def test_norms_in_and_out_are_those_of_retained_gradients():
    model, x, y = small()
    inputs = {}

    def keep(module, args, output):
        output.retain_grad()
        inputs[module] = output

    handles = [m.register_forward_hook(keep) for m in model.modules() if not isinstance(m, nn.Sequential)]
    loss = nn.functional.mse_loss(model(x), y)
    for handle in handles:
        handle.remove()
    record = backprop(loss, model)
    loss.backward()
    tanh, relu = model[1], model[2][1]
    (op,) = named(record, "Tanh")
    assert op.norm_in == pytest.approx(inputs[tanh].grad.norm().item(), rel=1e-6)
    assert op.norm_out == pytest.approx(inputs[model[0]].grad.norm().item(), rel=1e-6)
    assert op.norm_in > 0
    assert op.factor * op.norm_in == pytest.approx(op.norm_out)
    (op,) = named(record, "Relu")
    assert op.norm_in == pytest.approx(inputs[relu].grad.norm().item(), rel=1e-6)
    assert op.shape == (5, 4)
    for leaf in record.leaves:
        grad = dict(model.named_parameters())[leaf.name].grad
        assert leaf.norm == pytest.approx(grad.norm().item(), rel=1e-6)
        assert leaf.shape == tuple(grad.shape)


def test_nothing_that_the_script_computes_changes():
    model, x, y = small()
    loss = nn.functional.mse_loss(model(x), y)
    state = torch.get_rng_state()
    backprop(loss, model)
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    loss.backward()
    with_look = [p.grad.clone() for p in model.parameters()]
    model, x, y = small()
    nn.functional.mse_loss(model(x), y).backward()
    for one, two in zip(with_look, model.parameters(), strict=True):
        assert torch.equal(one, two.grad)
    assert not any(m._forward_hooks for m in model.modules())


def test_retained_gradients_are_not_added_to():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    middle = w * 3
    middle.retain_grad()
    loss = middle.square().sum()
    backprop(loss)
    assert middle.grad is None
    loss.backward(retain_graph=True)
    first = middle.grad
    assert torch.equal(first, 2 * middle)
    backprop(loss)
    assert middle.grad is first
    assert torch.equal(first, 2 * middle)


def test_operations_are_counted_to_the_module_that_made_them():
    model, x, y = small()
    record = backprop(lambda: nn.functional.mse_loss(model(x), y), model)
    assert record.collapsed_by == "forward"
    owners = {o.name: o.module for o in record.operations}
    assert owners["Tanh"] == "1"
    assert owners["Relu"] == "2.1"
    assert owners["MseLoss"] == ""
    assert [m.module for m in record.collapsed()] == ["", "3", "2.1", "2.0", "1", "0"]
    assert [m.module for m in record.collapsed(1)] == ["", "3", "2", "1", "0"]
    two = record.collapsed(1)[2]
    members = [record.operations[i] for i in two.operations]
    assert {o.module for o in members} == {"2.0", "2.1"}
    assert two.norm_in == members[0].norm_in
    (tanh,) = named(record, "Tanh")
    assert two.norm_out == pytest.approx(tanh.norm_in)
    assert not any(m._forward_hooks for m in model.modules())


def test_from_a_finished_loss_modules_are_told_by_their_parameters():
    model, x, y = small()
    record = backprop(nn.functional.mse_loss(model(x), y), model)
    assert record.collapsed_by == "parameters"
    assert {o.module for o in named(record, "Addmm")} == {"0", "2.0", "3"}


def test_parameters_that_nothing_reaches_are_listed():
    model, x, y = small()
    model.add_module("spare", nn.Linear(2, 2))
    model[0].weight.requires_grad_(False)
    loss = nn.functional.mse_loss(model[3](model[2](model[1](model[0](x)).detach())), y)
    record = backprop(loss, model)
    assert record.unreached == ("0.bias", "spare.weight", "spare.bias")


def deep(residual: bool, layers: int = 12) -> nn.Module:
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, x):
            out = torch.sigmoid(self.linear(x))
            return x + out if residual else out

    torch.manual_seed(0)
    return nn.Sequential(*[Block() for _ in range(layers)], nn.Linear(8, 2))


def test_a_deep_sigmoid_network_vanishes_and_its_residual_twin_does_not():
    x, y = torch.randn(16, 8), torch.randint(0, 2, (16,))
    marks = {}
    for residual in (False, True):
        model = deep(residual)
        record = backprop(lambda m=model: nn.functional.cross_entropy(m(x), y), model)
        marks[residual] = [m.mark for m in record.collapsed(1)]
    assert set(marks[True]) == {None}
    plain = marks[False]
    first = plain.index("vanishing")
    assert 2 < first < 8
    assert set(plain[first:]) == {"vanishing"}


class Attention(nn.Module):
    """One head, from the data alone or behind an embedding layer."""

    def __init__(self, embedded):
        super().__init__()
        self.embedding = nn.Linear(8, 8) if embedded else nn.Identity()
        self.query, self.key, self.value, self.out = (nn.Linear(8, 8, bias=False) for _ in range(4))
        with torch.no_grad():
            self.query.weight.mul_(1e-4)
            self.key.weight.mul_(1e-4)

    def forward(self, x):
        x = self.embedding(x)
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        return self.out(scores.softmax(-1) @ self.value(x)).mean(1)


@pytest.mark.parametrize("embedded", [False, True])
def test_queries_and_keys_of_an_even_attention_do_not_vanish(embedded):
    x, y = torch.randn(16, 5, 8), torch.randint(0, 8, (16,))
    model = Attention(embedded)
    record = backprop(lambda: nn.functional.cross_entropy(model(x), y), model)
    norms = {leaf.name: leaf.norm for leaf in record.leaves}
    assert norms["query.weight"] < 1e-3 * norms["value.weight"]  # little, as it is
    assert {o.mark for o in record.operations} == {None}


def test_an_exploding_network_is_marked():
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(8)])
    with torch.no_grad():
        for layer in model:
            layer.weight.copy_(10 * torch.eye(8))
    record = backprop(model(torch.randn(4, 8)).mean(), model)
    assert record.operations[-1].mark == "exploding"
    assert record.operations[0].mark is None


def test_where_it_turns_nan_is_marked_and_where_it_only_passes():
    w = torch.tensor([1.0, 4.0], requires_grad=True)
    inner = (w - torch.tensor([1.0, 0.0])).sqrt()  # the slope at 0 is infinite
    record = backprop((inner * torch.tensor([0.0, 1.0])).sum(), names={"w": w})
    (root,) = named(record, "Sqrt")
    assert root.mark == "turns NaN"
    assert math.isfinite(root.norm_in)
    assert [o.mark for o in record.operations[root.index + 1 :]] == ["NaN"]
    assert all(o.mark is None for o in record.operations[: root.index])


def test_a_dead_relu_is_zero():
    w = torch.tensor([-1.0, -2.0], requires_grad=True)
    record = backprop(((w * 3).relu() * 2).sum())
    assert named(record, "Mul")[-1].mark == "zero"
    assert record.leaves[0].norm == 0


def test_custom_functions_shared_leaves_and_long_chains():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad

    x = torch.tensor(1.0, requires_grad=True)
    value = x
    for _ in range(3000):  # deeper than Python's stack
        value = value + x
    record = backprop(Double.apply(value), names={"x": x})
    assert record.operations[0].name == "Double"
    assert record.leaves[0].value == 2 * 3001
    assert len(record.operations) == 3001


def test_bad_input_gets_one_sentence():
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(SettingError, match="begins at one number"):
        backprop(w * 2)
    with pytest.raises(SettingError, match="no autograd graph"):
        backprop(torch.tensor(1.0))
    with pytest.raises(SettingError, match="begins at one number, not at float"):
        backprop(lambda: 3.0)


def test_a_failing_backward_leaves_no_hook():
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            raise RuntimeError("on purpose")

    w = torch.tensor(1.0, requires_grad=True)
    seen = []
    doubled = w * 2
    loss = Broken.apply(doubled) * 3
    with pytest.raises(RuntimeError, match="on purpose"):
        backprop(loss)
    loss.grad_fn.register_hook(lambda *_: seen.append(1))
    with pytest.raises(RuntimeError, match="on purpose"):
        loss.backward()
    assert seen == [1]
