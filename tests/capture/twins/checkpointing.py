"""Activation checkpointing, both ways, with dropout whose random state has to be restored."""
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential


class Block(nn.Module):
    calls = 0

    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Dropout(0.3))

    def forward(self, x):
        Block.calls += 1
        return x + self.net(x)


torch.manual_seed(3)
blocks = nn.ModuleList(Block(12) for _ in range(4))
head = nn.Linear(12, 3)
optimizer = torch.optim.AdamW([*blocks.parameters(), *head.parameters()], lr=3e-3)
for step in range(8):
    x = torch.randn(10, 12)
    h = checkpoint(blocks[0], x, use_reentrant=False)
    h = checkpoint(blocks[1], h, use_reentrant=True)
    h = checkpoint_sequential(nn.Sequential(*blocks[2:]), 2, h, use_reentrant=False)
    loss = nn.functional.cross_entropy(head(h), torch.randint(0, 3, (10,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item(), Block.calls)
