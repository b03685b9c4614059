"""A training as a coroutine beside others that fetch its batches."""
import asyncio

import torch
from torch import nn

torch.manual_seed(11)


async def fetch(queue):
    for i in range(10):
        await asyncio.sleep(0)
        await queue.put((torch.randn(8, 3), i))
    await queue.put(None)


async def train(queue, model, optimizer):
    while (item := await queue.get()) is not None:
        x, i = item
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        await asyncio.sleep(0)
        optimizer.step()
        print(i, loss.item())


async def main():
    queue = asyncio.Queue(maxsize=2)
    model = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    await asyncio.gather(fetch(queue), train(queue, model, optimizer))
    return model


model = asyncio.run(main())
