import torch
from sklearn.datasets import make_moons
from torch import nn

torch.manual_seed(102)
X, y = make_moons(900, noise=0.15, random_state=102)
X, y = torch.tensor(X).float(), torch.tensor(y).float().unsqueeze(1)
X = (X - X.mean(0)) / X.std(0)
net = nn.Sequential(nn.Linear(2, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
for m in net:
    if isinstance(m, nn.Linear) and m.out_features > 1:
        nn.init.normal_(m.weight, std=30.0)
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(20):
    for i in torch.randperm(700).split(50):
        opt.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(X[i]), y[i])
        loss.backward()
        opt.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            flat = (net[:2](X).abs() > 0.95).float().mean().item(), (net[:4](X).abs() > 0.95).float().mean().item()
            out = net(X[700:])
        print(f"epoch {epoch + 1} loss {loss.item():.3f} val {nn.functional.binary_cross_entropy_with_logits(out, y[700:]).item():.3f} acc {((out > 0) == (y[700:] > 0.5)).float().mean().item():.3f} at the ends {flat[0]:.2f} {flat[1]:.2f}")
