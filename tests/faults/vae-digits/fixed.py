# Variational autoencoder on 8x8 digits.
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim

torch.manual_seed(31)

pixels = torch.from_numpy(load_digits().data).float() / 16.0
train_x, test_x = pixels[:1500], pixels[1500:]


class VAE(nn.Module):
    def __init__(self, latent=6):
        super().__init__()
        self.enc = nn.Linear(64, 80)
        self.mu, self.logvar = nn.Linear(80, latent), nn.Linear(80, latent)
        self.dec1, self.dec2 = nn.Linear(latent, 80), nn.Linear(80, 64)

    def forward(self, x):
        h = F.elu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.dec2(F.elu(self.dec1(z))), mu, logvar


def elbo(x, logits, mu, logvar):
    rec = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    kl = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1)
    return (rec + kl).mean()


vae = VAE()
opt = optim.SGD(vae.parameters(), lr=0.004, momentum=0.5)
for epoch in range(12):
    running = 0.0
    for idx in torch.randperm(len(train_x)).split(60):
        batch = train_x[idx]
        opt.zero_grad()
        loss = elbo(batch, *vae(batch))
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    with torch.no_grad():
        held_out = elbo(test_x, *vae(test_x)).item()
    print(f"epoch {epoch + 1} -ELBO {running / len(train_x):.3f} held out {held_out:.3f}")
