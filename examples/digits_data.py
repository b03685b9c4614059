"""Data and metric that digits.toml names."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

Part = tuple[Tensor, Tensor]


def parts() -> tuple[Part, Part]:
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    images = (images - images.mean()) / images.std()
    labels = torch.tensor(digits.target)
    train, held_out = train_test_split(
        range(len(labels)), test_size=0.2, stratify=digits.target, random_state=0
    )
    return (images[train], labels[train]), (images[held_out], labels[held_out])


def training() -> Part:
    return parts()[0]


def held_out() -> Part:
    return parts()[1]


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    return (output.argmax(dim=1) == target).float().mean()
