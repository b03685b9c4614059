"""A loss made by a module of the script's own, from two views; validated by the same module."""

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
data = torch.randn(96, 8)


class InfoNCE(nn.Module):
    def __init__(self, temperature=0.2):
        super().__init__()
        self.temperature = temperature

    def forward(self, a, b):
        a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
        logits = a @ b.T / self.temperature
        log_p = logits - torch.logsumexp(logits, 1, keepdim=True)
        log_q = logits.T - torch.logsumexp(logits.T, 1, keepdim=True)
        return -(log_p.diagonal().mean() + log_q.diagonal().mean()) / 2


def views(batch):
    return batch + 0.1 * torch.randn_like(batch), batch + 0.1 * torch.randn_like(batch)


encoder, criterion = nn.Linear(8, 4), InfoNCE()
optimizer = torch.optim.Adam(encoder.parameters(), 0.02)
for epoch in range(5):
    for batch in data[:64][torch.randperm(64)].split(16):
        a, b = views(batch)
        loss = criterion(encoder(a), encoder(b))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        held = []
        for batch in data[64:].split(16):
            a, b = views(batch)
            held.append(criterion(encoder(a), encoder(b)).item())
        print("val", sum(held) / len(held))
