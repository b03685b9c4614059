import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(37)
X = torch.tensor(StandardScaler().fit_transform(load_breast_cancer().data), dtype=torch.float32)
train, test = X[:450], X[450:]


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(30, 20), nn.GELU(), nn.Linear(20, 6))
        self.decode = nn.Sequential(
            nn.Linear(6, 20), nn.GELU(), nn.Linear(20, 30),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decode(self.encode(x))


model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(25):
    for batch in DataLoader(train, batch_size=45, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(batch), batch)
        loss.backward()
        optimizer.step()
    if epoch % 4 == 0:
        with torch.no_grad():
            print(f"epoch {epoch} train {loss.item():.4f} test {nn.functional.mse_loss(model(test), test).item():.4f}")
