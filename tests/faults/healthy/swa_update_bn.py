import torch
from sklearn.datasets import load_wine
from torch import nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
p = torch.randperm(178)
X, y = X[p], y[p]
loader = DataLoader(TensorDataset(X[:130], y[:130]), batch_size=13, shuffle=True)
net = nn.Sequential(nn.Linear(13, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
averaged = AveragedModel(net)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=18)
constant = SWALR(opt, swa_lr=0.02, anneal_epochs=3)
for epoch in range(18):
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
    if epoch >= 10:
        averaged.update_parameters(net)
        constant.step()
    else:
        cosine.step()
update_bn(loader, averaged)
averaged.eval()
with torch.no_grad():
    out = averaged(X[130:])
print(f"loss {loss.item():.4f} averaged val {nn.functional.cross_entropy(out, y[130:]).item():.4f} acc {(out.argmax(1) == y[130:]).float().mean().item():.3f}")
