"""Two heads, the loss a weighted sum; each part's value is logged beside it."""

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
x, digit, size = torch.randn(80, 6), torch.randint(0, 4, (80,)), torch.randn(80, 1)
body, head_a, head_b = nn.Linear(6, 16), nn.Linear(16, 4), nn.Linear(16, 1)
parameters = [*body.parameters(), *head_a.parameters(), *head_b.parameters()]
optimizer = torch.optim.Adam(parameters, 0.01)


def losses(rows):
    hidden = torch.relu(body(x[rows]))
    a = F.cross_entropy(head_a(hidden), digit[rows])
    b = F.smooth_l1_loss(head_b(hidden), size[rows])
    return a + 0.5 * b, a, b


for epoch in range(6):
    for rows in torch.randperm(60).split(15):
        total, a, b = losses(rows)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    with torch.no_grad():
        total, a, b = losses(torch.arange(60, 80))
    print("parts", a.item(), b.item())
    print("val", total.item())
