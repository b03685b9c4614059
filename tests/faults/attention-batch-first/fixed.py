import torch
from torch import nn

torch.manual_seed(68)
VOCAB, T, D = 10, 8, 32


def data(n):
    """Does the first token come again?"""
    x = torch.randint(1, VOCAB, (n, T))
    again = torch.rand(n) < 0.5
    x[:, 1:] = torch.where(x[:, 1:] == x[:, :1], (x[:, 1:] % (VOCAB - 1)) + 1, x[:, 1:])
    x[again, torch.randint(1, T, (int(again.sum()),))] = x[again, 0]
    return x, again.long()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.where = nn.Embedding(VOCAB, D), nn.Parameter(torch.randn(T, D) * 0.5)
        layer = nn.TransformerEncoderLayer(D, 4, 64, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(D, 2)

    def forward(self, x):
        return self.fc(self.body(self.embed(x) + self.where).amax(1))


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
x_val, y_val = data(400)
for step in range(1, 351):
    x, y = data(64)
    opt.zero_grad()
    loss = nn.functional.cross_entropy(net(x), y)
    loss.backward()
    opt.step()
    if step % 70 == 0:
        net.eval()
        with torch.no_grad():
            acc = (net(x_val).argmax(1) == y_val).float().mean().item()
        net.train()
        print(f"step {step} loss {loss.item():.3f} acc {acc:.3f}")
