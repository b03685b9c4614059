"""Spells words letter by letter; shorter words are filled up."""
import argparse
import torch
from torch import nn

torch.manual_seed(13)
PAD, LENGTH = 0, 16
words = [w.lower()[: LENGTH - 1] for w in argparse.__doc__.split()]
letters = {c: i + 2 for i, c in enumerate(sorted({c for w in words for c in w}))}
codes = torch.zeros(len(words), LENGTH + 1, dtype=torch.long)
for row, word in enumerate(words):
    codes[row, 0] = 1  # begins a word
    for at, c in enumerate(word):
        codes[row, at + 1] = letters[c]


class Speller(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(letters) + 2, 24, padding_idx=PAD)
        self.rnn = nn.GRU(24, 48, batch_first=True)
        self.next = nn.Linear(48, len(letters) + 2)

    def forward(self, x):
        return self.next(self.rnn(self.embed(x))[0])


net = Speller()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(8):
    for rows in torch.randperm(len(words)).split(16):
        opt.zero_grad()
        scores = net(codes[rows, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), codes[rows, 1:].flatten(), ignore_index=PAD)
        loss.backward()
        opt.step()
real = codes[:, 1:] != PAD
said = net(codes[:, :-1]).argmax(2)
print(f"epoch {epoch} loss {loss.item():.4f} letters right {(said[real] == codes[:, 1:][real]).float().mean():.3f}")
