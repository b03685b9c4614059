import numpy as np
import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(35)
X, progression = load_diabetes(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
progression = (progression - progression.min()) / (progression.max() - progression.min())
severe = (progression > 0.4).astype(np.int64)
data = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(severe))
train, val = torch.utils.data.random_split(data, [350, 92], torch.Generator().manual_seed(0))

model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(12):
    model.train()
    for xb, yb in DataLoader(train, batch_size=25, shuffle=True):
        loss = nn.functional.cross_entropy(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    hits = 0
    for xb, yb in DataLoader(val, batch_size=92):
        with torch.no_grad():
            hits += (model(xb).argmax(1) == yb).sum().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {hits / 92:.3f}")
