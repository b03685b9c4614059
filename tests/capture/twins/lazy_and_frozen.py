"""Lazy layers, frozen parts that thaw, parameters added and taken away in mid-training."""
import torch
from torch import nn

torch.manual_seed(46)
body = nn.Sequential(nn.LazyConv1d(4, 3), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(6))
body(torch.randn(2, 2, 8))
body.requires_grad_(False)
head = nn.Linear(6, 2)
optimizer = torch.optim.Adam(head.parameters(), 0.02)
for step in range(15):
    if step == 5:
        body[-1].requires_grad_(True)
        optimizer.add_param_group({"params": body[-1].parameters(), "lr": 0.005})
    if step == 10:
        head = nn.Linear(6, 2)
        optimizer = torch.optim.Adam([*head.parameters(), *body[-1].parameters()], 0.02)
    loss = nn.functional.cross_entropy(head(body(torch.randn(9, 2, 8))), torch.randint(0, 2, (9,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item(), len(optimizer.param_groups), sum(p.grad is not None for p in body.parameters()))
