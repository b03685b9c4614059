import torch
from sklearn.datasets import make_regression
from torch import nn

torch.manual_seed(16)
X, y = make_regression(1000, 6, noise=20.0, random_state=16)
X, y = torch.tensor(X).float(), torch.tensor((y - y.mean()) / y.std()).float().unsqueeze(1)
net = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.02)
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.3, patience=2)
for epoch in range(25):
    for i in torch.randperm(800).split(80):
        opt.zero_grad()
        loss = nn.functional.mse_loss(net(X[i]), y[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        val = nn.functional.mse_loss(net(X[800:]), y[800:])
    sched.step(val)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} rate {opt.param_groups[0]['lr']:.1e} loss {loss.item():.4f} val {val.item():.4f}")
