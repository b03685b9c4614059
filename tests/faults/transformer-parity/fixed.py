import torch
from torch import nn

torch.manual_seed(3)
VOCAB, LENGTH, DIM = 12, 10, 32


def make(n):
    """Sequences with the index of the first of their largest tokens as the class."""
    x = torch.randint(VOCAB, (n, LENGTH))
    return x, x.argmax(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(VOCAB, DIM)
        self.position = nn.Parameter(0.1 * torch.randn(LENGTH, DIM))
        layer = nn.TransformerEncoderLayer(DIM, nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)
        self.score = nn.Linear(DIM, 1)

    def forward(self, x):
        return self.score(self.encoder(self.token(x) + self.position)).squeeze(-1)


net = Tagger()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
objective = nn.CrossEntropyLoss()
x_val, y_val = make(500)

for step in range(1, 301):
    x, y = make(64)
    loss = objective(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        net.eval()
        with torch.no_grad():
            out = net(x_val)
        net.train()
        print(f"step {step} loss {loss.item():.3f} val loss {objective(out, y_val).item():.3f} "
              f"val acc {(out.argmax(1) == y_val).float().mean().item():.3f}")
