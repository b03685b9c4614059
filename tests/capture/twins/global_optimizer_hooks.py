"""The script's own global step hooks, one of which changes the gradients."""
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

seen = []


def centralise(optimizer, args, kwargs):
    for group in optimizer.param_groups:
        for p in group["params"]:
            if p.grad is not None and p.grad.ndim > 1:
                p.grad -= p.grad.mean(1, keepdim=True)


before = register_optimizer_step_pre_hook(centralise)
after = register_optimizer_step_post_hook(lambda o, a, k: seen.append(type(o).__name__))
torch.manual_seed(14)
model = nn.Linear(6, 3)
optimizers = [torch.optim.SGD([model.weight], 0.1), torch.optim.Adam([model.bias], 0.1)]
for step in range(9):
    loss = nn.functional.mse_loss(model(torch.randn(7, 6)), torch.zeros(7, 3))
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    if step == 5:
        before.remove()
        after.remove()
print(loss.item(), seen)
