import torch
from torch import nn, optim
from torch.utils.data import ConcatDataset, DataLoader, Dataset

torch.manual_seed(49)


class Waves(Dataset):
    """Noisy waves of one shape."""

    def __init__(self, label, n):
        t = torch.linspace(0, 1, 40)
        phase, pitch = torch.rand(n, 1), 2 + 2 * torch.rand(n, 1)
        angle = 2 * torch.pi * (pitch * t + phase)
        shapes = [torch.sin(angle), torch.sign(torch.sin(angle)), 2 * torch.remainder(pitch * t + phase, 1) - 1]
        self.x = (shapes[label] + 0.3 * torch.randn(n, 40)).unsqueeze(1)
        self.label = label

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.label


train = ConcatDataset([Waves(k, 320) for k in range(3)])
test = ConcatDataset([Waves(k, 80) for k in range(3)])
loader = DataLoader(train, batch_size=32, shuffle=True)
net = nn.Sequential(
    nn.Conv1d(1, 12, 7, stride=2), nn.ReLU(), nn.Conv1d(12, 24, 5, stride=2), nn.ReLU(),
    nn.AdaptiveMaxPool1d(2), nn.Flatten(), nn.Linear(48, 3),
)
optimizer = optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(7):
    for x, label in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), label)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = sum((net(x).argmax(1) == l).sum().item() for x, l in DataLoader(test, 240)) / len(test)
    print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {acc:.3f}")
