"""Both splits by one function, on random batches, every few steps; the model returns its loss."""

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
tokens = torch.randint(0, 12, (900,))
parts = {"train": tokens[:700], "val": tokens[700:]}


class Bigram(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(12, 12)

    def forward(self, index, targets=None):
        logits = self.table(index)
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.view(-1, 12), targets.view(-1))


def get_batch(split):
    data = parts[split]
    starts = torch.randint(len(data) - 9, (8,))
    return torch.stack([data[i : i + 8] for i in starts]), torch.stack([data[i + 1 : i + 9] for i in starts])


@torch.no_grad()
def estimate_loss():
    out = {}
    model.eval()
    for split in ["train", "val"]:
        losses = torch.zeros(5)
        for k in range(5):
            X, Y = get_batch(split)
            logits, loss = model(X, Y)
            losses[k] = loss.item()
        out[split] = losses.mean()
    model.train()
    return out


model = Bigram()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
for iteration in range(41):
    if iteration % 10 == 0:
        losses = estimate_loss()
        print("train", losses["train"].item())
        print("val", losses["val"].item())
    X, Y = get_batch("train")
    logits, loss = model(X, Y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
