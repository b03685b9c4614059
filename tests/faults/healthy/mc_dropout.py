import torch
from torch import nn

torch.manual_seed(22)
x = torch.rand(400, 1) * 4 - 2
y = torch.sin(2 * x) + 0.1 * torch.randn_like(x)
net = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
grid = torch.linspace(-2, 2, 50)[:, None]
for epoch in range(30):
    for i in torch.randperm(400).split(50):
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 6 == 5:
        with torch.no_grad():
            draws = torch.stack([net(grid) for _ in range(30)])
        error = nn.functional.mse_loss(draws.mean(0), torch.sin(2 * grid)).item()
        print(f"epoch {epoch + 1} loss {loss.item():.4f} error of the mean {error:.4f} spread {draws.std(0).mean().item():.3f}")
