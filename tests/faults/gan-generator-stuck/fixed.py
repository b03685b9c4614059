# %% imports
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)

# %% data: a mixture of two bumps on the line
def sample_real(n):
    side = torch.randint(0, 2, (n, 1)).float() * 2 - 1
    return side * 1.5 + 0.2 * torch.randn(n, 1)

# %% nets
gen = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
disc = nn.Sequential(nn.Linear(1, 32), nn.LeakyReLU(0.1), nn.Linear(32, 32), nn.LeakyReLU(0.1), nn.Linear(32, 1))
g_opt = torch.optim.Adam(gen.parameters(), lr=1e-3, betas=(0.5, 0.9))
d_opt = torch.optim.Adam(disc.parameters(), lr=1e-3, betas=(0.5, 0.9))

# %% training: non-saturating loss, softplus form
for it in range(1200):
    d_opt.zero_grad()
    x_fake = gen(torch.randn(100, 2)).detach()
    d_loss = F.softplus(-disc(sample_real(100))).mean() + F.softplus(disc(x_fake)).mean()
    d_loss.backward()
    d_opt.step()

    g_opt.zero_grad()
    g_loss = F.softplus(-disc(gen(torch.randn(100, 2)))).mean()
    g_loss.backward()
    g_opt.step()

    if (it + 1) % 200 == 0:
        with torch.no_grad():
            s = gen(torch.randn(2000, 2))
        print(f"{it + 1} d {d_loss.item():.3f} g {g_loss.item():.3f} mean|x| {s.abs().mean():.3f} (real 1.50)")
