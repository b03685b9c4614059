import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification

torch.manual_seed(5)
X, y = make_classification(1200, 20, n_informative=10, n_classes=4, class_sep=1.2, random_state=5)
X, y = torch.tensor(X).float(), torch.tensor(y)
X = (X - X.mean(0)) / X.std(0)


class ResNetish(nn.Module):
    def __init__(self, depth=3, width=48):
        super().__init__()
        self.stem = nn.Linear(20, width)
        self.blocks = {f"block{i}": nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU()) for i in range(depth)}
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks.values():
            x = x + block(x)
        return self.head(x)


net = ResNetish()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
for epoch in range(12):
    for i in torch.randperm(1000).split(40):
        loss = F.cross_entropy(net(X[i]), y[i])
        opt.zero_grad(); loss.backward(); opt.step()
    with torch.no_grad():
        out = net(X[1000:])
    print(f"epoch {epoch} loss {loss.item():.3f} val {F.cross_entropy(out, y[1000:]).item():.3f} acc {(out.argmax(1) == y[1000:]).float().mean().item():.3f}")
