"""Two models that share a shape are trained as one stack of weights, called by `functional_call`."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, stack_module_state

torch.manual_seed(1)
models = [nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2)) for _ in range(2)]
params, buffers = stack_module_state(models)
params = {name: p.detach().requires_grad_() for name, p in params.items()}
optimizer = torch.optim.Adam(params.values(), lr=0.02)
x, y = torch.randn(32, 5), torch.randint(0, 2, (32,))
for epoch in range(10):
    losses = []
    for member in range(2):
        weights = {name: p[member] for name, p in params.items()}
        losses.append(F.cross_entropy(functional_call(models[0], weights, (x,)), y))
    optimizer.zero_grad()
    torch.stack(losses).sum().backward()
    optimizer.step()
    print(epoch, [round(loss.item(), 6) for loss in losses])
