"""Descent by `torch.func`: gradients of each example by `vmap`, clipped one by one, with noise (DP-SGD)."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

torch.manual_seed(27)
model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
params = {name: p.detach() for name, p in model.named_parameters()}


def loss_of(params, x, y):
    return F.cross_entropy(functional_call(model, params, (x.unsqueeze(0),)), y.unsqueeze(0))


each = vmap(grad(loss_of), in_dims=(None, 0, 0), randomness="different")
for step in range(10):
    x, y = torch.randn(12, 4), torch.randint(0, 2, (12,))
    grads = each(params, x, y)
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in grads.values()]).norm(dim=0)
    scale = (1.0 / norms).clamp(max=1.0)
    for name, g in grads.items():
        mean = torch.einsum("b,b...->...", scale, g) / 12
        params[name] = params[name] - 0.5 * (mean + 0.01 * torch.randn_like(mean))
    print(step, norms.mean().item(), vmap(loss_of, (None, 0, 0))(params, x, y).mean().item())
