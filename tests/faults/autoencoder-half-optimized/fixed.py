import itertools

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(8)
X = torch.tensor(load_digits().images, dtype=torch.float32).flatten(1) / 16
X = X - X.mean(0)
train, test = X[:1400], X[1400:]

encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 4))
decoder = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 64))
optimizer = torch.optim.Adam(itertools.chain(encoder.parameters(), decoder.parameters()), lr=3e-3)
loss_fn = nn.MSELoss()

for epoch in range(15):
    for idx in torch.randperm(len(train)).split(50):
        code = encoder(train[idx])
        loss = loss_fn(decoder(code), train[idx])
        optimizer.zero_grad()
        encoder.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        rec = loss_fn(decoder(encoder(test)), test).item()
    print(f"{epoch + 1}\ttrain {loss.item():.4f}\ttest {rec:.4f}\tvariance {test.var().item():.4f}")
