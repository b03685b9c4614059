"""Inputs and weights of classes of their own, one asked by functions, one told of operations."""
import torch
from torch import nn
from torch.utils._pytree import tree_map_only

counts = {"asked": 0, "told": 0}


class Metres(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        counts["asked"] += 1
        return super().__torch_function__(func, types, args, kwargs or {})


class Logged(torch.Tensor):
    @staticmethod
    def __new__(cls, value):
        made = torch.Tensor._make_wrapper_subclass(cls, value.shape, dtype=value.dtype)
        made.value = value
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        counts["told"] += 1
        args, kwargs = tree_map_only(Logged, lambda t: t.value, (args, kwargs or {}))
        return tree_map_only(torch.Tensor, Logged, func(*args, **kwargs))


torch.manual_seed(32)
model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))
scale = nn.Parameter(torch.ones(4).as_subclass(Metres))
optimizer = torch.optim.SGD([*model.parameters(), scale], 0.05)
for step in range(10):
    x = torch.randn(8, 4).as_subclass(Metres)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x * scale), x.sum(1, keepdim=True))
    loss.backward()
    optimizer.step()
    print(step, type(loss).__name__, loss.item(), counts)
other = nn.Linear(4, 1)
own = torch.optim.SGD(other.parameters(), 0.1)
for step in range(5):
    own.zero_grad()
    loss = other(Logged(torch.ones(3, 4))).square().mean()
    loss.backward()
    for p in other.parameters():
        p.grad = p.grad.value if isinstance(p.grad, Logged) else p.grad
    own.step()
    print(step, type(loss).__name__, loss.value.item(), counts)
