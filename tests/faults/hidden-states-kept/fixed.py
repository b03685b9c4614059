"""Digits; the network remembers what its hidden layer said, for a picture of how it separates the classes."""
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(3)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(64, 800), nn.Linear(800, 10)
        self.seen = []

    def forward(self, x):
        h = torch.relu(self.hidden(x))
        self.seen.append(h.detach().mean(0))
        return self.out(h)


model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
for epoch in range(60):
    for rows in torch.randperm(1500).split(500):
        loss = nn.functional.cross_entropy(model(X[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
kept = sum(h.numel() for h in model.seen) * 4 / 2**20
with torch.no_grad():
    right = (model(X[1500:]).argmax(1) == y[1500:]).float().mean()
print(f"hidden states kept {kept:.0f} MiB, held out accuracy {right:.3f}")
