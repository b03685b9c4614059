import math

import torch
from torch import nn

torch.manual_seed(17)
V, T, D, STEPS, WARM = 12, 8, 48, 300, 60


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.pos = nn.Embedding(V + 1, D), nn.Parameter(0.3 * torch.randn(T, D))
        self.core = nn.Transformer(D, 4, 1, 1, 96, dropout=0.0, batch_first=True)
        self.out = nn.Linear(D, V)

    def forward(self, src, tgt):
        mask = nn.Transformer.generate_square_subsequent_mask(T)
        return self.out(self.core(self.emb(src) + self.pos, self.emb(tgt) + self.pos, tgt_mask=mask))


def batch(n):
    x = torch.randint(V, (n, T))
    y = x.flip(1)
    return x, torch.cat([torch.full((n, 1), V), y[:, :-1]], 1), y


net = Seq2Seq()
opt = torch.optim.AdamW(net.parameters(), lr=4e-3)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: s / WARM if s < WARM else 0.5 * (1 + math.cos(math.pi * (s - WARM) / (STEPS - WARM))))
for step in range(1, STEPS + 1):
    src, tgt, y = batch(48)
    loss = nn.functional.cross_entropy(net(src, tgt).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    sched.step()
    if step % 60 == 0:
        net.eval()
        with torch.no_grad():
            src, tgt, y = batch(100)
            acc = (net(src, tgt).argmax(-1) == y).float().mean().item()
        net.train()
        print(f"step {step} rate {sched.get_last_lr()[0]:.5f} loss {loss.item():.4f} acc {acc:.3f}")
