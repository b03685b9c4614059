"""Nothing that the script lets go is kept alive: with the collector off, on, and asked."""
import gc
import weakref

import torch
from torch import nn

gc.disable()
torch.manual_seed(23)
gone = []


def fold(number):
    model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 2))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(6):
        batch = torch.randn(9, 5)
        scores = model(batch)
        loss = nn.functional.cross_entropy(scores, torch.randint(0, 2, (9,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    gone.extend(weakref.ref(thing) for thing in (batch, scores, loss, model[0].weight.grad))
    return weakref.ref(model), loss.item()


for number in range(4):
    model, loss = fold(number)
    gc.collect()
    print(number, loss, model() is None)
gc.enable()
print([ref() is None for ref in gone])
