import torch
from sklearn.datasets import make_circles
from torch import nn

torch.manual_seed(111)
X, y = make_circles(900, noise=0.06, factor=0.4, random_state=111)
X, y = torch.tensor(X).float(), torch.tensor(y).float()


class Circles(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 32)
        self.second = nn.Linear(32, 32)
        self.third = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.third(x).squeeze(-1)


net = Circles()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(15):
    for i in torch.randperm(720).split(48):
        optimizer.zero_grad()
        loss = loss_fn(net(X[i]), y[i])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = ((net(X[720:]) > 0) == (y[720:] > 0.5)).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f}")
