import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(8)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.97))
ema.eval()
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(10):
    model.train()
    for i in torch.randperm(1440).split(48):
        loss = nn.functional.cross_entropy(model(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        ema.update_parameters(model)
    with torch.no_grad():
        out = ema(X[1440:])
    print(f"epoch {epoch} loss {loss.item():.4f} ema val {nn.functional.cross_entropy(out, y[1440:]).item():.4f} acc {(out.argmax(1) == y[1440:]).float().mean().item():.3f}")
