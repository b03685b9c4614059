import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(106)
bunch = load_digits()


class Digits(Dataset):
    def __init__(self, first, last, transform=None):
        self.images, self.target, self.transform = bunch.images[first:last], bunch.target[first:last], transform

    def __len__(self):
        return len(self.target)

    def __getitem__(self, i):
        image = torch.tensor(self.images[i], dtype=torch.float32).unsqueeze(0)
        return (self.transform(image) if self.transform else image), int(self.target[i])


def normalize(image):
    return (image - 4.9) / 6.0


train = DataLoader(Digits(0, 1200, normalize), batch_size=40, shuffle=True)
val = DataLoader(Digits(1200, 1500), batch_size=100)
net = nn.Sequential(nn.Conv2d(1, 10, 3), nn.ReLU(), nn.Flatten(), nn.Linear(360, 32), nn.ReLU(), nn.Linear(32, 10))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(6):
    net.train()
    for x, t in train:
        opt.zero_grad()
        loss = F.cross_entropy(net(x), t)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        pairs = [(net(x), t) for x, t in val]
    out, t = torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])
    print(f"epoch {epoch} loss {loss.item():.3f} val {F.cross_entropy(out, t).item():.3f} acc {(out.argmax(1) == t).float().mean().item():.3f}")
