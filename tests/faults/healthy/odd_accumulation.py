import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(13)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 48), nn.GELU(), nn.Linear(48, 10))
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for epoch in range(8):
    micro = list(torch.randperm(1400).split(20))  # 70 micro-batches: 23 groups of three and one of one
    for k in range(0, len(micro), 3):
        group = micro[k:k + 3]
        for i in group:
            loss = nn.functional.cross_entropy(net(X[i]), y[i]) / len(group)
            loss.backward()
        opt.step()
        opt.zero_grad()
    with torch.no_grad():
        out = net(X[1400:])
    print(f"epoch {epoch} loss {loss.item() * len(group):.4f} val {nn.functional.cross_entropy(out, y[1400:]).item():.4f} acc {(out.argmax(1) == y[1400:]).float().mean().item():.3f}")
