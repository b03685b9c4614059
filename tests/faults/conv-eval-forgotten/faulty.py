# %%
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(47)
digits = load_digits()
images = torch.tensor(digits.images).float()[:, None] / 16
labels = torch.tensor(digits.target)

# %%
model = nn.Sequential(
    nn.Conv2d(1, 10, 3, padding=1), nn.BatchNorm2d(10), nn.ReLU(), nn.AvgPool2d(2),
    nn.Conv2d(10, 20, 3, padding=1), nn.BatchNorm2d(20), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
    nn.Flatten(), nn.Dropout(0.25), nn.Linear(80, 10),
)
opt = torch.optim.Adam(model.parameters(), lr=4e-3)
ce = nn.CrossEntropyLoss()

# %%
for epoch in range(6):
    model.train()
    for i in torch.randperm(1440).split(48):
        opt.zero_grad()
        loss = ce(model(images[i]), labels[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = torch.cat([model(images[i]) for i in torch.arange(1440, 1797).split(51)])
        val_loss, acc = ce(out, labels[1440:]).item(), (out.argmax(1) == labels[1440:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val {val_loss:.4f} acc {acc:.3f}")
