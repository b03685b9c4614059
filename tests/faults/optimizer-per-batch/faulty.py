import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(54)
d = load_diabetes()
X = torch.tensor(StandardScaler().fit_transform(d.data)).float()
y = torch.tensor(StandardScaler().fit_transform(d.target[:, None])).float()


def train_step(model, x, t, lr=3e-2):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    optimizer.zero_grad()
    loss = nn.functional.l1_loss(model(x), t)
    loss.backward()
    optimizer.step()
    return loss.item()


net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
for epoch in range(20):
    losses = [train_step(net, X[i], y[i]) for i in torch.randperm(350).split(35)]
    if epoch % 4 == 3:
        with torch.no_grad():
            val = nn.functional.l1_loss(net(X[350:]), y[350:]).item()
        print(f"epoch {epoch + 1} train {sum(losses) / len(losses):.4f} val {val:.4f}")
