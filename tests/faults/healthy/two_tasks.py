import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(12)
X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y, alcohol, X = torch.tensor(y), X[:, :1].clone(), X[:, 1:]
p = torch.randperm(178)
X, y, alcohol = X[p], y[p], alcohol[p]


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(12, 32), nn.ReLU())
        self.kind, self.strength = nn.Linear(32, 3), nn.Linear(32, 1)

    def forward(self, x):
        h = self.shared(x)
        return {"kind": self.kind(h), "alcohol": self.strength(h)}


def losses(out, i):
    return nn.functional.cross_entropy(out["kind"], y[i]), nn.functional.mse_loss(out["alcohol"], alcohol[i])


net = MultiTask()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for epoch in range(20):
    for i in torch.randperm(130).split(13):
        opt.zero_grad()
        a, b = losses(net(X[i]), i)
        (a + 0.5 * b).backward()
        opt.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            i = torch.arange(130, 178)
            out = net(X[i])
            print(f"epoch {epoch + 1} class {a.item():.3f} alcohol {b.item():.3f} val {[round(v.item(), 3) for v in losses(out, i)]}")
