import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(84)
X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16).float().view(-1, 16, 4)  # sixteen patches
y = torch.tensor(y)


class ViT(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.patch = nn.Linear(4, d)
        self.cls = nn.Parameter(torch.zeros(1, 1, d))
        self.pos = nn.Parameter(torch.randn(1, 17, d) * 0.02)
        layer = nn.TransformerEncoderLayer(d, 4, 48, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(d), enable_nested_tensor=False)
        self.head = nn.Linear(d, 10)

    def forward(self, x):
        x = torch.cat([self.cls.expand(len(x), -1, -1), self.patch(x)], 1) + self.pos
        return self.head(self.encoder(x)[:, 0])


net = ViT()
opt = torch.optim.Adam(net.parameters(), lr=0.003)
for epoch in range(8):
    for i in torch.randperm(1440).split(60):
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        acc = (net(X[1440:]).argmax(1) == y[1440:]).float().mean().item()
    net.train()
    print(f"epoch {epoch} loss {loss.item():.3f} acc {acc:.3f}")
