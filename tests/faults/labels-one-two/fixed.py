import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(33)
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
status = torch.tensor(y + 1, dtype=torch.float32)  # as in the file: 1 malignant, 2 benign
y = status - 1

model = nn.Linear(30, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.05)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(15):
    for i in torch.randperm(450).split(30):
        loss = loss_fn(model(X[i]).flatten(), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    acc = ((model(X[450:]).flatten() > 0).float() + 1 == status[450:]).float().mean()
    print(f"{epoch:2d} loss {loss.item():.3f} acc {acc.item():.3f}")
