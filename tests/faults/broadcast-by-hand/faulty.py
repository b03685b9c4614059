import numpy as np
import torch
from sklearn.datasets import make_regression

torch.manual_seed(30)
X, y = make_regression(600, 8, noise=5.0, random_state=30)
X = torch.from_numpy(X.astype(np.float32))
y = torch.from_numpy(((y - y.mean()) / y.std()).astype(np.float32))
Xtr, Xte, ytr, yte = X[:450], X[450:], y[:450], y[450:]

model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Softplus(), torch.nn.Linear(32, 1))
opt = torch.optim.Adam(model.parameters(), lr=5e-3)


def huber(pred, target, delta=1.0):
    e = (pred - target).abs()
    return torch.where(e < delta, 0.5 * e * e, delta * (e - 0.5 * delta)).mean()


for epoch in range(15):
    for i in torch.randperm(450).split(30):
        loss = huber(model(Xtr[i]), ytr[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        r2 = 1 - ((model(Xte).squeeze(-1) - yte) ** 2).mean() / yte.var()
    print(f"epoch {epoch} loss {loss.item():.4f} r2 {r2.item():.3f}")
