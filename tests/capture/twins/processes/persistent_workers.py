"""A loader whose workers live on over epochs, seeded, with an iterable data set beside it."""
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Noisy(Dataset):
    def __len__(self):
        return 24

    def __getitem__(self, i):
        return torch.full((3,), float(i % 5)) + torch.randn(3), random.random() + np.random.rand()


class Stream(IterableDataset):
    def __iter__(self):
        worker = get_worker_info()
        yield from (float(i) for i in range(worker.id, 6, worker.num_workers))


def seed(worker):
    random.seed(worker)
    np.random.seed(worker)


torch.manual_seed(0)
loader = DataLoader(Noisy(), 6, shuffle=True, num_workers=2, persistent_workers=True, worker_init_fn=seed)
model = nn.Linear(3, 1)
optimizer = torch.optim.Adam(model.parameters(), 0.05)
for epoch in range(2):
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x).squeeze(1), y.float())
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())
print(sorted(DataLoader(Stream(), None, num_workers=2)))
