import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

torch.manual_seed(56)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor(scale(X), dtype=torch.float32), torch.tensor(y)
clf = torch.nn.Linear(13, 3)
opt = torch.optim.SGD(clf.parameters(), lr=0.01)

total, n = 0.0, 0
for epoch in range(25):
    for i in torch.randperm(178).split(18):
        loss = torch.nn.functional.cross_entropy(clf(X[i]), y[i])
        total, n = total + loss.item(), n + 1
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} mean loss so far {float(total / n):.4f} accuracy {(clf(X).argmax(1) == y).float().mean().item():.3f}")
