import math

import torch
from torch import nn

torch.manual_seed(16)
x = torch.linspace(-3, 3, 256).unsqueeze(1)
y = torch.sin(2 * x) * torch.exp(-0.2 * x ** 2)


class RBF(nn.Module):
    def __init__(self, k=20):
        super().__init__()
        self.centre = nn.Parameter(torch.linspace(-3, 3, k))
        self.logwidth = nn.Parameter(torch.full((k,), math.log(0.5)))
        self.weight = nn.Parameter(torch.randn(k) * 0.1)

    def forward(self, x):
        return torch.exp(-((x - self.centre) / self.logwidth.exp()) ** 2) @ self.weight[:, None]


model = RBF()
opt = torch.optim.Adam(model.parameters(), lr=0.02)
for it in range(250):
    errors = (model(x) - y) ** 2
    loss = errors.mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 50 == 49:
        print(f"{it + 1} mse {loss.item():.5f}")
