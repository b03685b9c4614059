import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

np.random.seed(19)
torch.manual_seed(19)
images = torch.tensor(load_digits().data / 16.0, dtype=torch.float32)


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 8))
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 64), nn.Sigmoid())

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code + 0.1 * torch.randn_like(code))


net = AutoEncoder()
opt = torch.optim.AdamW(net.parameters(), lr=4e-3, weight_decay=0.0)
bce = nn.BCELoss()
for epoch in range(10):
    net.train()
    total = 0
    for i in range(0, 1500, 50):
        x = images[torch.randint(1500, (50,))]
        loss = bce(net(x), x)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 30
    net.eval()
    with torch.no_grad():
        val = bce(net(images[1500:]), images[1500:]).item()
    print(f"epoch {epoch} bce {total:.4f} val {val:.4f}")
