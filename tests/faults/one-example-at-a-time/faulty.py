import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(113)
d = load_diabetes()
X = torch.tensor(StandardScaler().fit_transform(d.data)).float()
y = torch.tensor(StandardScaler().fit_transform(d.target.reshape(-1, 1))).float()
BATCH = 1
model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.05)
seen = 0
while seen < 15000:
    idx = torch.randint(350, (BATCH,))
    loss = nn.functional.mse_loss(model(X[idx]), y[idx])
    opt.zero_grad()
    loss.backward()
    opt.step()
    seen += BATCH
    if seen // 3000 > (seen - BATCH) // 3000:
        with torch.no_grad():
            a, b = (nn.functional.mse_loss(model(X[s]), y[s]).item() for s in (slice(0, 350), slice(350, None)))
        print(f"{seen} examples: train {a:.4f} val {b:.4f}")
