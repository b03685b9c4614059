"""A thread that prepares batches and one that watches, beside a training in the main thread."""
import queue
import threading

import torch
from torch import nn

torch.manual_seed(48)
batches = queue.Queue(maxsize=2)
generator = torch.Generator().manual_seed(49)
done = threading.Event()
norms = []


def produce():
    for _ in range(15):
        batches.put(torch.randn(8, 4, generator=generator))
    batches.put(None)


def watch(model):
    while not done.wait(0.001):
        with torch.no_grad():
            norms.append(model(torch.ones(1, 4)).item())


model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
workers = [threading.Thread(target=produce), threading.Thread(target=watch, args=(model,))]
for worker in workers:
    worker.start()
while (x := batches.get()) is not None:
    loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
done.set()
for worker in workers:
    worker.join()
print(all(isinstance(norm, float) for norm in norms), threading.active_count() - threading.active_count())
