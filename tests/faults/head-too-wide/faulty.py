import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(110)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU())
        self.logits = nn.Linear(64, 10)
        nn.init.normal_(self.logits.weight, std=5.0)

    def forward(self, x):
        return self.logits(self.embed(x))


net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
for epoch in range(7):
    for i in torch.randperm(1440).split(50):
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        if epoch == 0 and not opt.state:
            print(f"first loss {loss.item():.3f}")
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = net(X[1440:])
    print(f"epoch {epoch} loss {loss.item():.3f} val {nn.functional.cross_entropy(out, y[1440:]).item():.3f} acc {(out.argmax(1) == y[1440:]).float().mean().item():.3f}")
