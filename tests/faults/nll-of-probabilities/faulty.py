import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(27)
X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
data = TensorDataset(X, torch.tensor(y))
order = torch.randperm(178).tolist()
train, test = Subset(data, order[:130]), Subset(data, order[130:])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(13, 24), nn.Linear(24, 24), nn.Linear(24, 3)])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.silu(layer(x))
        return F.softmax(self.layers[-1](x), dim=1)


model = Classifier()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.02)
for epoch in range(20):
    for xb, yb in DataLoader(train, 13, shuffle=True):
        optimizer.zero_grad()
        loss = F.nll_loss(model(xb), yb)
        loss.backward()
        optimizer.step()
    xb, yb = next(iter(DataLoader(test, 48)))
    with torch.no_grad():
        p = model(xb)
    print(f"{epoch} loss {loss.item():.3f} test {F.nll_loss(p, yb).item():.3f} acc {(p.argmax(1) == yb).float().mean().item():.3f}")
