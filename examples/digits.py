"""Handwritten digits: a small convnet on scikit-learn's 1,797 real 8 x 8 images."""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 2 * 2, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images))


def loaders(batch_size: int) -> tuple[DataLoader, DataLoader]:
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    images = (images - images.mean()) / images.std()
    labels = torch.tensor(digits.target)
    train, held_out = train_test_split(
        range(len(labels)), test_size=0.2, stratify=digits.target, random_state=0
    )
    train_set = TensorDataset(images[train], labels[train])
    held_out_set = TensorDataset(images[held_out], labels[held_out])
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(held_out_set, 256)


def train_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(loader.dataset)


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> tuple[float, float]:
    model.eval()
    total, correct = 0.0, 0
    for images, labels in loader:
        logits = model(images)
        total += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(dim=1) == labels).sum().item()
    return total / len(loader.dataset), correct / len(loader.dataset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    train_loader, held_out_loader = loaders(arguments.batch_size)
    model = ConvNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.lr, weight_decay=1e-2)
    for epoch in range(1, arguments.epochs + 1):
        train_loss = train_epoch(model, train_loader, optimizer)
        val_loss, accuracy = evaluate(model, held_out_loader)
        print(
            f"epoch {epoch:2d}  train loss {train_loss:.4f}  val loss {val_loss:.4f}  val accuracy {accuracy:.3f}"
        )


if __name__ == "__main__":
    main()
