import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(117)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
taken = 0
for epoch in range(6):
    for i in torch.randperm(1440).split(45):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = nn.functional.cross_entropy(net(X[i]), y[i])
        scaler.scale(loss).backward()
        before = net[0].bias.detach().clone()
        scaler.step(opt)
        scaler.update()
        taken += int(not torch.equal(before, net[0].bias))
    acc = (net(X[1440:]).argmax(1) == y[1440:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f} steps taken {taken} of {32 * (epoch + 1)} scale {scaler.get_scale():.3g}")
