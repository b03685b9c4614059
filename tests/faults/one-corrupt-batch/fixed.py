import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(90)
X, y = make_friedman1(4800, 8, noise=0.3, random_state=90)
X, y = torch.tensor(X).float() * 2 - 1, torch.tensor(y).float().unsqueeze(1)
y = (y - y.mean()) / y.std()
model = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
Xv, yv = X[4000:], y[4000:]
day = 0
for start in range(0, 4000, 32):  # a stream: each row is seen once, in the order of arrival
    xb, yb = X[start:start + 32], y[start:start + 32]
    loss = nn.functional.mse_loss(model(xb), yb)
    opt.zero_grad()
    loss.backward()
    opt.step()
    day += 1
    if day % 12 == 0 or loss > 20:
        with torch.no_grad():
            print(f"day {day} loss {loss.item():.4f} held out {nn.functional.mse_loss(model(Xv), yv).item():.4f}")
