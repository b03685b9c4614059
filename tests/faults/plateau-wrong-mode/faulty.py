import torch
from sklearn.datasets import make_friedman2
from sklearn.preprocessing import scale
from torch import nn

torch.manual_seed(53)
X, y = make_friedman2(n_samples=1000, noise=20, random_state=53)
X, y = torch.tensor(scale(X)).float(), torch.tensor(scale(y)).float().unsqueeze(1)
net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1, factor=0.1)
mse = nn.MSELoss()

for epoch in range(40):
    for i in torch.randperm(800).split(100):
        optimizer.zero_grad()
        loss = mse(net(X[i]), y[i])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = mse(net(X[800:]), y[800:])
    plateau.step(val)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} rate {optimizer.param_groups[0]['lr']:.1e} train {loss.item():.4f} val {val.item():.4f}")
