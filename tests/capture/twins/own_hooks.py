"""The script's own hooks of every kind, and how often each ran."""
from collections import Counter

import torch
from torch import nn

ran = Counter()
torch.manual_seed(4)
model = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 4), nn.Sigmoid(), nn.Linear(4, 2))
for name, module in model.named_children():
    module.register_forward_pre_hook(lambda m, i: ran.update(pre=1))
    module.register_forward_hook(lambda m, i, o: ran.update(forward=1))
    module.register_full_backward_pre_hook(lambda m, g: ran.update(backward_pre=1))
    module.register_full_backward_hook(lambda m, gi, go: ran.update(backward=1))
nn.modules.module.register_module_forward_hook(lambda m, i, o: ran.update(everywhere=1))


def halve(grad):
    ran["parameter"] += 1
    return grad * 0.5


model[0].weight.register_hook(halve)
model[2].weight.register_post_accumulate_grad_hook(lambda p: ran.update(accumulated=1))
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
optimizer.register_step_pre_hook(lambda o, a, k: ran.update(step_pre=1))
optimizer.register_step_post_hook(lambda o, a, k: ran.update(step_post=1))
for _ in range(20):
    out = model(torch.randn(8, 6))
    out.register_hook(lambda g: ran.update(output=1))
    out.grad_fn.register_hook(lambda gi, go: ran.update(node=1))
    loss = nn.functional.mse_loss(out, torch.ones(8, 2))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), sorted(ran.items()))
