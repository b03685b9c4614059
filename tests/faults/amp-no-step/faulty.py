import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(1)
X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.3, random_state=1, stratify=y)
Xa, Xb = (torch.as_tensor(a, dtype=torch.float32) for a in (Xa, Xb))
ya, yb = torch.as_tensor(ya), torch.as_tensor(yb)

model = nn.Sequential(nn.Linear(13, 32), nn.GELU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scaler = torch.amp.GradScaler("cpu")

for epoch in range(30):
    for i in torch.randperm(len(Xa)).split(31):
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(model(Xa[i]), ya[i])
        scaler.scale(loss).backward()
    if epoch % 5 == 4:
        with torch.no_grad():
            acc = (model(Xb).argmax(1) == yb).float().mean()
        print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {acc.item():.3f}")
