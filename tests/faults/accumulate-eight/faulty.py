import torch
from torch import nn

torch.manual_seed(63)
text = ("the quick brown fox jumps over the lazy dog and the dog sleeps while the fox runs to the river "
        "where the water is cold and the stones are round and the fox drinks and runs back to the hill ") * 12
chars = sorted(set(text))
data = torch.tensor([chars.index(c) for c in text])
CONTEXT, ACCUM = 12, 8


class Bengio(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(chars), 10)
        self.hidden = nn.Linear(10 * CONTEXT, 64)
        self.out = nn.Linear(64, len(chars))

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(self.embed(x).flatten(1))))


def batch(n=16):
    at = torch.randint(0, len(data) - CONTEXT - 1, (n,))
    return torch.stack([data[i:i + CONTEXT] for i in at]), data[at + CONTEXT]


model = Bengio()
opt = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
model.zero_grad()
running = 0.0
for micro in range(1, 1201):
    x, y = batch()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    running += loss.item()
    if micro % ACCUM == 0:
        opt.step()
        opt.zero_grad()
    if micro % 200 == 0:
        print(f"{micro // ACCUM} updates, loss {running / 200:.3f}")
        running = 0.0
