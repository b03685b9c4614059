import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(103)
X, y = load_wine(return_X_y=True)
Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.3, random_state=3, stratify=y)
mu, sd = Xa.mean(0), Xa.std(0)
Xa, Xb = (Xa - mu) / sd, (Xb - mu) / sd
Xa, Xb, ya, yb = torch.tensor(Xa).float(), torch.tensor(Xb).float(), torch.tensor(ya), torch.tensor(yb)
model = nn.Sequential(nn.Linear(13, 20), nn.Sigmoid(), nn.Linear(20, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(30):
    for i in torch.randperm(len(Xa)).split(25):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(Xa[i]), ya[i])
        loss.backward()
        optimizer.step()
    if epoch % 6 == 5:
        with torch.no_grad():
            print(f"epoch {epoch + 1} loss {loss.item():.3f} acc {(model(Xb).argmax(1) == yb).float().mean().item():.3f}")
