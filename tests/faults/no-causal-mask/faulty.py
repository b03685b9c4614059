"""A small transformer that reads docstrings and guesses each next character."""
import argparse
import torch
from torch import nn

torch.manual_seed(12)
text = argparse.__doc__ * 3
letters = sorted(set(text))
codes = torch.tensor([letters.index(c) for c in text])
LENGTH = 24


class Small(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.token = nn.Embedding(len(letters), width)
        self.place = nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, len(letters))

    def forward(self, tokens):
        h = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        return self.head(self.blocks(h))


net = Small()
opt = torch.optim.Adam(net.parameters(), 2e-3)
for step in range(200):
    start = torch.randint(0, len(codes) - LENGTH - 1, (16, 1))
    window = codes[start + torch.arange(LENGTH + 1)]
    loss = nn.functional.cross_entropy(net(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
net.eval()
right = 0
with torch.no_grad():
    for at in range(100):
        known = codes[at : at + 12][None]
        right += int(net(known)[0, -1].argmax() == codes[at + 12])
print(f"loss {loss.item():.4f} right when the next is not there {right / 100:.2f}")
