"""Weights are replaced through `.data`: a moving average, a clamp, a swap and back."""
import torch
from torch import nn

torch.manual_seed(19)
critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
average = [p.detach().clone() for p in critic.parameters()]
optimizer = torch.optim.RMSprop(critic.parameters(), lr=5e-3)
for step in range(15):
    real, fake = torch.randn(16, 2) + 1, torch.randn(16, 2)
    loss = critic(fake).mean() - critic(real).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for p, kept in zip(critic.parameters(), average):
        p.data = p.data.clamp(-0.3, 0.3)
        kept.mul_(0.9).add_(p.data, alpha=0.1)
    if step % 5 == 4:
        own = [p.data for p in critic.parameters()]
        for p, kept in zip(critic.parameters(), average):
            p.data = kept
        with torch.no_grad():
            print(step, loss.item(), critic(torch.ones(1, 2)).item())
        for p, mine in zip(critic.parameters(), own):
            p.data = mine
