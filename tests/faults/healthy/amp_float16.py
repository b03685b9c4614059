import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(18)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
for epoch in range(8):
    for i in torch.randperm(1440).split(60):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = nn.functional.cross_entropy(net(X[i]), y[i])
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        scaler.step(opt)
        scaler.update()
    with torch.no_grad():
        out = net(X[1440:])
    print(f"epoch {epoch} loss {loss.item():.4f} val {nn.functional.cross_entropy(out, y[1440:]).item():.4f} acc {(out.argmax(1) == y[1440:]).float().mean().item():.3f} scale {scaler.get_scale():.3g}")
