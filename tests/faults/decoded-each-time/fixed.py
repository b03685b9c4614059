"""Digits as larger pictures; each one is enlarged once."""
import torch
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(6)


class Pictures(Dataset):
    def __init__(self, images, labels):
        enlarged = [zoom(image / 16, 8, order=5) for image in images]
        self.pictures = [torch.tensor(each[::4, ::4]).float().flatten() for each in enlarged]
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.pictures[i], int(self.labels[i])


digits = load_digits()
train = DataLoader(Pictures(digits.images[:640], digits.target[:640]), batch_size=32, shuffle=True)
test = DataLoader(Pictures(digits.images[1500:1600], digits.target[1500:1600]), batch_size=100)
model = nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(6):
    for x, y in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in test)
print(f"loss {loss.item():.4f} accuracy {right / 100:.2f}")
