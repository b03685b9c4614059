"""Graphs of a step are captured between steps: make_fx, symbolic tracing, export, fake tensors."""
import torch
import torch.nn.functional as F
from torch import fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

torch.manual_seed(33)
model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
optimizer = torch.optim.SGD(model.parameters(), 0.1)


def loss_of(x, w):
    return F.mse_loss(x @ w, torch.zeros(4, 2))


def step(x, w):
    w = w.detach().requires_grad_()
    loss_of(x, w).backward()
    return w - 0.1 * w.grad


for i in range(6):
    optimizer.zero_grad()
    F.cross_entropy(model(torch.randn(4, 3)), torch.randint(0, 2, (4,))).backward()
    optimizer.step()
    if i == 2:
        print(make_fx(step)(torch.ones(4, 3), torch.ones(3, 2)).code)
        print(make_fx(loss_of, tracing_mode="fake")(torch.ones(4, 3), torch.ones(3, 2)).code)
        print(fx.symbolic_trace(model).code)
    if i == 4:
        with FakeTensorMode(allow_non_fake_inputs=True):
            rehearsal = nn.Linear(3, 2)
            own = torch.optim.Adam(rehearsal.parameters())
            F.mse_loss(rehearsal(torch.randn(4, 3)), torch.zeros(4, 2)).backward()
            own.step()
            print(rehearsal.weight.grad.shape, type(rehearsal.weight.grad).__name__)
print(torch.export.export(model, (torch.ones(4, 3),)).graph)
