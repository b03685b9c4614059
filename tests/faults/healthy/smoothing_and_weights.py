import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(11)
X, y = make_classification(1500, 12, n_informative=8, n_classes=3, weights=[0.8, 0.15, 0.05], class_sep=1.5, flip_y=0, random_state=11)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
frequency = torch.bincount(y[:1200]).float()
sampler = WeightedRandomSampler((1 / frequency.sqrt())[y[:1200]], 1200)
loader = DataLoader(TensorDataset(X[:1200], y[:1200]), batch_size=60, sampler=sampler)
net = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 3))
train_loss = nn.CrossEntropyLoss(weight=(frequency.sum() / frequency).sqrt(), label_smoothing=0.1)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(10):
    for xb, yb in loader:
        opt.zero_grad()
        loss = train_loss(net(xb), yb)
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = net(X[1200:])
        recall = [((out.argmax(1) == k) & (y[1200:] == k)).sum().item() / max((y[1200:] == k).sum().item(), 1) for k in range(3)]
    print(f"epoch {epoch} loss {loss.item():.3f} val {nn.functional.cross_entropy(out, y[1200:]).item():.3f} recall {[round(r, 2) for r in recall]}")
