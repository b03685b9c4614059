"""A small language model whose output layer is its embedding."""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(5)
text = "the quick brown fox jumps over the lazy dog " * 8
letters = sorted(set(text))
data = torch.tensor([letters.index(c) for c in text])


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(letters), 16)
        self.rnn = nn.GRU(16, 16, batch_first=True)
        self.out = nn.Linear(16, len(letters), bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0])


model = Tied()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
for step in range(12):
    starts = torch.randint(0, len(data) - 17, (8,))
    block = torch.stack([data[s : s + 17] for s in starts])
    loss = F.cross_entropy(model(block[:, :-1]).flatten(0, 1), block[:, 1:].flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    print(f"{step} {loss.item():.6f}")
print(model.out.weight is model.embed.weight, len(list(model.parameters())))
