import copy
import io

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(45)
d = load_digits()
X, y = torch.tensor(d.images).float().unsqueeze(1) / 16, torch.tensor(d.target)


def build():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(192, 10),
    )


def load_pretrained(file):
    model = build()
    model.load_state_dict(torch.load(file))
    return model.eval()


def train(model, X, y, epochs, lr):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        for xb, yb in DataLoader(TensorDataset(X, y), batch_size=40, shuffle=True):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(xb), yb)
            loss.backward()
            opt.step()
        print(f"  loss {loss.item():.4f}")


# a checkpoint from elsewhere
file = io.BytesIO()
torch.save(build().state_dict(), file)
file.seek(0)

model = load_pretrained(file)
model.train()
train(model, X[:1400], y[:1400], 5, 2e-3)
final = copy.deepcopy(model).eval()
with torch.no_grad():
    out = final(X[1400:])
print(f"test loss {nn.functional.cross_entropy(out, y[1400:]).item():.4f} acc {(out.argmax(1) == y[1400:]).float().mean().item():.3f}")
