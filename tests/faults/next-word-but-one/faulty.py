"""A next-character model of docstrings."""
import argparse
import torch
from torch import nn

torch.manual_seed(11)
text = argparse.__doc__ * 4
letters = sorted(set(text))
codes = torch.tensor([letters.index(c) for c in text])


class Reader(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.table = nn.Embedding(len(letters), size)
        self.memory = nn.LSTM(size, size, batch_first=True)
        self.out = nn.Linear(size, len(letters))

    def forward(self, tokens):
        return self.out(self.memory(self.table(tokens))[0])


net = Reader()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
for step in range(240):
    start = torch.randint(0, len(codes) - 34, (24, 1))
    window = codes[start + torch.arange(34)]
    x, y = window[:, :-2], window[:, 2:]
    loss = nn.functional.cross_entropy(net(x).transpose(1, 2), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
prompt = codes[:32][None]
print(f"loss {loss.item():.4f} next letter right {(net(prompt)[0, :-1].argmax(1) == prompt[0, 1:]).float().mean():.3f}")
