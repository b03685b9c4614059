import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(27)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
opt = torch.optim.AdamW(net.parameters(), lr=4e-3)
loader = DataLoader(TensorDataset(X[:1440], y[:1440]), batch_size=32, shuffle=True)
sched = torch.optim.lr_scheduler.StepLR(opt, 60, 0.7)
net, opt, loader, sched = accelerator.prepare(net, opt, loader, sched)
for epoch in range(7):
    for xb, yb in loader:
        with accelerator.accumulate(net):
            loss = nn.functional.cross_entropy(net(xb), yb)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(net.parameters(), 3.0)
            opt.step()
            sched.step()
            opt.zero_grad()
    with torch.no_grad():
        out = net(X[1440:])
    print(f"epoch {epoch} loss {loss.item():.4f} val {nn.functional.cross_entropy(out, y[1440:]).item():.4f} acc {(out.argmax(1) == y[1440:]).float().mean().item():.3f}")
