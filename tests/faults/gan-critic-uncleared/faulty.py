import torch
import torch.nn as nn

torch.manual_seed(4)
BATCH = 64


def data(n):
    """A Gaussian at (2, -1), stretched."""
    return torch.randn(n, 2) @ torch.tensor([[0.5, 0.2], [0.0, 0.3]]) + torch.tensor([2.0, -1.0])


def mlp(i, o):
    return nn.Sequential(nn.Linear(i, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, o))


G, D = mlp(3, 2), mlp(2, 1)
optG = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.99))
optD = torch.optim.SGD(D.parameters(), lr=0.05)
crit = nn.BCEWithLogitsLoss()
real_label, fake_label = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

for step in range(1500):
    # train D
    fake = G(torch.randn(BATCH, 3))
    errD = crit(D(data(BATCH)), real_label) + crit(D(fake.detach()), fake_label)
    errD.backward()
    optD.step()
    # train G
    optG.zero_grad()
    errG = crit(D(fake), real_label)
    errG.backward()
    optG.step()
    if step % 150 == 149:
        with torch.no_grad():
            s = G(torch.randn(1000, 3))
        m, d = s.mean(0), s.std(0)
        print(f"step {step + 1} D {errD.item():.3f} G {errG.item():.3f} mean {m[0]:.2f} {m[1]:.2f} std {d[0]:.2f} {d[1]:.2f}")
