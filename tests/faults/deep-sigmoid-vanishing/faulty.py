import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

torch.manual_seed(82)
data = load_wine()
X = torch.tensor(StandardScaler().fit_transform(data.data), dtype=torch.float32)
y = torch.tensor(data.target)
order = torch.randperm(len(X))
X, y = X[order], y[order]

activation = nn.Sigmoid
sizes = [13] + [24] * 9
blocks = []
for a, b in zip(sizes[:-1], sizes[1:]):
    blocks += [nn.Linear(a, b), activation()]
model = nn.Sequential(*blocks, nn.Linear(24, 3))
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(40):
    model.train()
    for k in range(0, 130, 26):
        opt.zero_grad()
        loss = criterion(model(X[k:k + 26]), y[k:k + 26])
        loss.backward()
        opt.step()
    if epoch % 8 == 7:
        model.eval()
        first, final = (model[i].weight.grad.norm().item() for i in (0, -1))
        with torch.no_grad():
            acc = (model(X[130:]).argmax(1) == y[130:]).float().mean().item()
        print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {acc:.3f} gradient first {first:.1e} last {final:.1e}")
